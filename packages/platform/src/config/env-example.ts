import { type SystemSettings, settingsFor } from './systems.ts';

/** The text of `.env.example`: each setting with its explanation and its default; those of the systems last. */
export function envExample(systems: readonly SystemSettings[]): string {
  const lines = [
    '# Written by `pnpm env:example` from packages/platform/src/config/schema.ts and the systems; do not edit by hand.',
    '# Secrets may also be given as files: NAME_FILE=/run/secrets/name.',
  ];
  for (const { name, schema } of settingsFor(systems)) {
    const choices = schema.anyOf?.map((each) => each.const).join(' | ');
    lines.push('', `# ${schema.description}${choices === undefined ? '' : ` (${choices})`}`);
    const value = Array.isArray(schema.default) ? schema.default.join(',') : (schema.default ?? '');
    lines.push(`${name}=${value}`);
  }
  return `${lines.join('\n')}\n`;
}
