import { runProcess } from '@backoffice/platform';
import { startApi } from './app.ts';

await runProcess('api', startApi);
