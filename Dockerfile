# syntax=docker/dockerfile:1

# One image for API, worker and commands: they share all of their code, and one image can't be of two versions.
# TypeScript is run as it is (docs/adr/0001), so there is nothing to build.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
RUN npm install --global pnpm@12.21.0
# What is fetched comes from the lockfile alone: again when that changes, not with every edit.
COPY pnpm-lock.yaml pnpm-workspace.yaml ./
RUN pnpm fetch --prod
# Whatever packages there are: none is named here.
COPY . .
RUN pnpm install --frozen-lockfile --prod --offline

FROM ${NODE_IMAGE}
WORKDIR /app
# What is written at run time goes to /data (uploads) and /tmp (the loader's cache): all else may be read-only.
RUN install --directory --owner=1000 --group=1000 /data /backups
COPY --from=dependencies /app ./
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    DATA_DIR=/data \
    BACKUP_DIR=/backups \
    HEALTH_PORTS="5000 8080 9100"
USER 1000:1000
# The systems' ports and the worker's, as they are unless their settings say otherwise.
EXPOSE 5000 8080 9100
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "deploy/healthcheck.mjs"]
# Both processes end by themselves on SIGTERM, within 10 s, with nothing lost.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "--import", "tsx"]
CMD ["apps/api/src/main.ts"]
