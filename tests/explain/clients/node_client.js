// Set one key with one client for Node.js, and print what it says of it.
//
//     node_client.js CLIENT HOST PORT TLS USER PASSWORD CA-FILE ADDRESS
//
// HOST leads to ADDRESS, so that certificates are checked under the name.
const [client, host, port, tls, user, password, ca, address] = process.argv.slice(2);
const dns = require('dns');
const real = dns.lookup;
const pick = name => (name === host ? address : name);
dns.lookup = (name, options, done) => real(pick(name), options, done);
dns.promises.lookup = (name, options) => new Promise((yes, no) =>
  real(pick(name), options || {}, (wrong, found, family) =>
    wrong ? no(wrong) : yes(Array.isArray(found) ? found : { address: found, family })));

const secure = tls === '1'
  ? { servername: host, ...(ca ? { ca: require('fs').readFileSync(ca) } : {}) }
  : undefined;
setTimeout(() => process.exit(0), 6000);

async function withIoredis() {
  const Redis = require('ioredis');
  const redis = new Redis({
    host, port: +port, username: user || undefined, password: password || undefined, tls: secure,
    connectTimeout: 3000, commandTimeout: 4000, maxRetriesPerRequest: 1,
    retryStrategy: times => (times > 1 ? null : 100),
  });
  redis.on('error', wrong => console.error('[ioredis] Unhandled error event:', wrong.stack));
  await redis.set('k', 'v');
}

async function withNodeRedis() {
  const { createClient } = require('redis');
  const redis = createClient({
    username: user || undefined, password: password || undefined,
    socket: {
      host, port: +port, tls: !!secure, ...secure, connectTimeout: 3000,
      reconnectStrategy: times => (times > 1 ? false : 100),
    },
  });
  redis.on('error', wrong => console.error('Redis Client Error', wrong));
  await redis.connect();
  await redis.set('k', 'v');
}

(client === 'ioredis' ? withIoredis() : withNodeRedis())
  .catch(wrong => console.error(wrong))
  .finally(() => process.exit(0));
