const began = Date.now();

/** A line with the seconds since the start, so that one sees what takes how long. */
export function say(text: string): void {
  console.log(`[${((Date.now() - began) / 1000).toFixed(1).padStart(5)} s] ${text}`);
}

const phases = ['services', 'migrations', 'API and worker', 'data'];

export function phase(name: string, detail = ''): void {
  const step = phases.indexOf(name) + 1;
  say(`${step}/${phases.length} ${name}${detail ? `: ${detail}` : ''}`);
}
