import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin, transform } from 'esbuild';

/** What tests start as processes of their own again and again, relative to the root. */
const programs = [
  'apps/api/src/main.ts',
  ...['audit', 'backup', 'doctor', 'first-admin', 'main', 'migrate', 'restore', 'seed/main'].map(
    (name) => `apps/worker/src/${name}.ts`,
  ),
  ...['audit-mover', 'worker-process'].map((name) => `packages/platform/test/${name}.ts`),
  'test/harness/clocked-process.ts',
];

/**
 * Makes plain JavaScript of these test files and of the programs that they start, below `dir`, each under its own
 * path with `.mjs` behind it. More than half of what a start costs is the loader of TypeScript, and a run of all tests
 * starts some two hundred and fifty. Only this repository's own code is put together; libraries are loaded from where
 * they are.
 */
export async function makePrograms(root: string, dir: string, files: readonly string[]): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: [...programs, ...files],
    outbase: root,
    outdir: dir,
    outExtension: { '.js': '.ts.mjs' },
    bundle: true,
    // What is loaded late stays in files of its own, and is loaded late.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // As Node resolves an import, without what bundlers add to it.
    conditions: [],
    mainFields: ['main'],
    // A failed test says where it stands in the source.
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'silent',
    plugins: [librariesStay(root), knowsItsPlace],
  });
}

function librariesStay(root: string): Plugin {
  const asked = new Set<string>();
  return {
    name: 'libraries-stay',
    setup({ onResolve, resolve }) {
      onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
        if (kind === 'entry-point' || pluginData === asked) return undefined;
        if (isBuiltin(path)) return { path, external: true };
        const found = await resolve(path, { kind, importer, resolveDir, pluginData: asked });
        if (found.errors.length > 0) return found;
        // Packages of this repository are links; what they lead to is no library.
        if (!relative(root, found.path).includes('node_modules')) return undefined;
        return { path: pathToFileURL(found.path).href, external: true };
      });
    },
  };
}

/** Code that looks for files beside itself finds them where it was written. */
const knowsItsPlace: Plugin = {
  name: 'knows-its-place',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (!text.includes('import.meta.')) return undefined;
      const define = {
        'import.meta.url': JSON.stringify(pathToFileURL(path).href),
        'import.meta.dirname': JSON.stringify(join(path, '..')),
      };
      const map = { sourcemap: 'inline', sourcesContent: false, sourcefile: path } as const;
      const { code } = await transform(text, {
        loader: 'ts',
        format: 'esm',
        target: 'node20',
        define,
        ...map,
      });
      return { contents: code, loader: 'js' };
    });
  },
};
