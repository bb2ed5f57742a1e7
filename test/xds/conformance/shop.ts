/** What the conformance tests are served: `shop/a`, `shop/b` and a fence, each with the endpoint 10.0.0.1. */
import { assignmentOf, endpointOf } from '../../support/assignments.ts';
import { type TestServer, xdsServer } from '../../support/xds-server.ts';

export const one = endpointOf('10.0.0.1');
export const two = endpointOf('10.0.0.2');
export const three = endpointOf('10.0.0.3');

export function shop(options?: Parameters<typeof xdsServer>[1]): Promise<TestServer> {
  return xdsServer(
    ['a', 'b', 'fence'].map((name) => assignmentOf(name, one)),
    options,
  );
}
