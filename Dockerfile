# syntax=docker/dockerfile:1

# One image for API, worker and commands: they share all of their code, and one image can't be of two versions.
# TypeScript is run as it is (docs/adr/0001), so there is nothing to build.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
RUN npm install --global pnpm@12.21.0
# Only what says which dependencies there are: they are fetched again when that changes, not with every edit.
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY apps/api/package.json apps/api/
COPY apps/worker/package.json apps/worker/
COPY packages/core/package.json packages/core/
COPY packages/platform/package.json packages/platform/
COPY packages/spreadsheet/package.json packages/spreadsheet/
COPY packages/modules/receivables/package.json packages/modules/receivables/
RUN pnpm install --frozen-lockfile --prod

FROM ${NODE_IMAGE}
WORKDIR /app
# What is written at run time goes to /data (uploads) and /tmp (the loader's cache): all else may be read-only.
RUN install --directory --owner=1000 --group=1000 /data /backups
COPY --from=dependencies /app ./
COPY . .
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    DATA_DIR=/data \
    BACKUP_DIR=/backups
USER 1000:1000
EXPOSE 5000 9100
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "deploy/healthcheck.mjs"]
# Both processes end by themselves on SIGTERM, within 10 s, with nothing lost.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "--import", "tsx"]
CMD ["apps/api/src/main.ts"]
