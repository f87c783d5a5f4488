// For the image's HEALTHCHECK: whether the process in this container lives. API and worker come from one image,
// so each of their ports is asked; one of them answers.
const ports = [process.env.RECEIVABLES_PORT || '5000', process.env.WORKER_PORT || '9100'];

const answers = await Promise.allSettled(
  ports.map(async (port) => {
    const answer = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(4_000) });
    if (answer.status !== 200) throw new Error(String(answer.status));
  }),
);
process.exit(answers.some(({ status }) => status === 'fulfilled') ? 0 : 1);
