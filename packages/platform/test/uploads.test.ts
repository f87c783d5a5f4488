import t from 'tap';
import { startWorker } from '../src/jobs/worker.ts';
import { bodyOf } from './http-support.ts';
import { testWorkerModule } from './test-kind.ts';
import { buildForm, openUploadApi } from './upload-support.ts';

const { platform, send, get } = await openUploadApi(t);
const worker = await startWorker(platform, [testWorkerModule]);
t.teardown(() => worker.close());

t.test('an upload is imported and answered', async (t) => {
  const answer = await send(await buildForm({ rows: '5' }));
  const body = await bodyOf(answer);
  t.equal(answer.status, 200, JSON.stringify(body));
  console.log(body);
  const s = await get(`/upload/${body.uploadId}/status`);
  t.same(await bodyOf(s), body);
});
