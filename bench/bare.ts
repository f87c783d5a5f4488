import Fastify from 'fastify';

// The least that a server can do to send some bytes: one route without a hook, a user or a database. The bytes
// come in on the input; the address goes out.
let body = '';
for await (const chunk of process.stdin) body += chunk;

const app = Fastify();
app.get('/', (_request, reply) => {
  reply.type('application/json; charset=utf-8').send(body);
});
console.log(await app.listen({ host: '127.0.0.1', port: 0 }));
process.on('SIGTERM', () => process.exit(0));
