import { setFlagsFromString } from 'node:v8';
import { runProcess } from '@backoffice/platform';
import { startApi, systems } from './app.ts';

// V8 puts what it has seen to live long straight into the old space, by the place in the code that makes it. Under load
// what belongs to requests under way can look so. From there each one keeps its whole request alive until the next full
// collection: a process with that bad luck took 40 % more CPU time a request, for good.
setFlagsFromString('--no-allocation-site-pretenuring');

await runProcess('api', systems, startApi);
