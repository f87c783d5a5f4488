import { runProcess } from '@backoffice/platform';
import { startApi, systems } from './app.ts';

await runProcess('api', systems, startApi);
