import { createServer } from 'node:net';

/**
 * A loopback port that was free a moment ago. Somebody else may take it before it is used: prefer listening on port 0,
 * and use this for programs that must be told their port beforehand.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') {
          reject(new Error('a TCP listener has no port'));
        } else {
          resolve(address.port);
        }
      });
    });
  });
}
