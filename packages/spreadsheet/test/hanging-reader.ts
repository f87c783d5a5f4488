import { readWorkbook } from '../src/index.ts';

// A parent that never takes the rows it asked for; the test kills it and looks for the parser.
await readWorkbook(process.argv[2]!, {
  onSheet: () => 'read',
  onRows: () => {
    process.stdout.write('rows\n');
    return new Promise(() => setInterval(() => undefined, 60_000));
  },
});
