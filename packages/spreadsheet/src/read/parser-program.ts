import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

let program: string | undefined;

/**
 * The parser as one text of JavaScript, for `node --eval`. A workbook has a process of its own; with the
 * TypeScript loader most of what a small one costs would be the start of that loader. Made once, in a fifth
 * of a second, and kept in memory: a file of its own could be swept away under a worker that runs for weeks.
 */
export function parserProgram(): string {
  program ??= bundle();
  return program;
}

function bundle(): string {
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL('./child.ts', import.meta.url))],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Linux takes arguments of up to 128 KB each.
    minifyWhitespace: true,
    minifySyntax: true,
    minifyIdentifiers: true,
    keepNames: true,
    logLevel: 'silent',
    // Older packages ask for Node's own modules this way.
    banner: { js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' },
  });
  return outputFiles[0]!.text;
}
