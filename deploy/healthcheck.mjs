// For the image's HEALTHCHECK: whether the process in this container lives. API and worker come from one image, and
// each of the systems has its port, so all are asked that there may be: those of the image and those that are set.
const { env } = process;
const named = Object.keys(env).filter((name) => name.endsWith('_PORT'));
const given = [...(env.HEALTH_PORTS ?? '').split(' '), ...named.map((name) => env[name])];
const ports = new Set(given.filter((port) => /^[1-9]\d{0,4}$/.test(port)));

// Whatever serves in a container is one process: one answer is enough.
const alive = await Promise.any(
  [...ports].map(async (port) => {
    const answer = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(4_000) });
    if (answer.status !== 200) throw new Error(String(answer.status));
  }),
).then(
  () => true,
  () => false,
);
process.exit(alive ? 0 : 1);
