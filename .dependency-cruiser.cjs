// Who may import whom. `pnpm boundaries` checks it; docs/architecture.md says why.

const anywhere = '^(apps|packages|scripts|bench|test)/';
const itself = (path) => `^${path}/`;
const packages = (...names) => names.map((name) => `^packages/${name}/`);

/** Source and tests of `from` may import from this repository themselves and `to`, nothing else. */
const layer = (name, from, to) => ({
  name,
  severity: 'error',
  comment: to.length === 0 ? 'imports nothing of this repository' : `imports only ${to.join(', ')}`,
  from: { path: itself(from) },
  to: { path: anywhere, pathNot: [itself(from), ...to] },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    layer('core', 'packages/core', []),
    layer('spreadsheet', 'packages/spreadsheet', packages('core')),
    layer('platform', 'packages/platform', packages('core', 'spreadsheet')),
    layer('dev-services', 'packages/dev-services', []),
    {
      name: 'modules',
      severity: 'error',
      comment: 'A module never imports another one, nor an app.',
      from: { path: '^packages/modules/([^/]+)/' },
      to: {
        path: anywhere,
        pathNot: ['^packages/modules/$1/', ...packages('platform', 'spreadsheet', 'core'), '^test/harness/'],
      },
    },
    {
      name: 'harness',
      severity: 'error',
      comment: 'Only tests use what runs the product for a test, and it knows no single system.',
      from: { path: '^packages/modules/', pathNot: '/test/' },
      to: { path: '^test/' },
    },
    {
      name: 'apps',
      severity: 'error',
      comment: 'An app imports modules, platform, core; never another app.',
      from: { path: '^apps/([^/]+)/' },
      to: { path: anywhere, pathNot: ['^apps/$1/', ...packages('modules/[^/]+', 'platform', 'core')] },
    },
    {
      name: 'scripts',
      severity: 'error',
      comment: 'What gets, starts and tests the system must not depend on it.',
      from: { path: '^scripts/(start|runner)/' },
      to: { path: anywhere, pathNot: ['^scripts/', ...packages('dev-services')] },
    },
    {
      name: 'by-its-name',
      severity: 'error',
      comment:
        'Another package is imported by its name: what its package.json exports is all that it offers.',
      from: { path: '^(packages/modules/[^/]+|packages/[^/]+|apps/[^/]+)/' },
      to: { path: anywhere, pathNot: ['^$1/', '^test/harness/'], dependencyTypes: ['local'] },
    },
    {
      name: 'spreadsheet-library',
      severity: 'error',
      comment: 'Only packages/spreadsheet knows how a workbook is read and written.',
      from: { path: '^(apps|packages)/', pathNot: ['^packages/spreadsheet/', '/test/'] },
      to: { path: '/node_modules/(exceljs|saxes|yauzl|yazl|jszip)/' },
    },
    {
      name: 'declared',
      severity: 'error',
      comment: 'What runs in production is among the dependencies of the package that imports it.',
      from: { path: '^(apps|packages)/', pathNot: '/test/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-test-in-source',
      severity: 'error',
      from: { path: anywhere, pathNot: '(/|^)test/' },
      to: { path: '(/|^)test/' },
    },
    {
      name: 'no-cycle',
      severity: 'error',
      comment: 'Types may refer to each other; code that runs may not.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      severity: 'error',
      comment: 'What is imported is there, and named in the package that imports it.',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/fixtures/' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Imports of types count too: a layer that knows another's types knows that layer.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
