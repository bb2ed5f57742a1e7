import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { serviceKey } from '../engine/model.ts';
import { parseName } from './names.ts';

const pricer = serviceKey('shop', 'pricer');
const number8080 = { kind: 'number', number: 8080 };
const http = { kind: 'name', name: 'http' };

describe('every documented form means the Service and the port it says', () => {
  test.each([
    ['outbound|8080||pricer.shop.svc.cluster.local', { service: pricer, port: number8080 }],
    ['outbound|8080|v2|pricer.shop.svc.cluster.local', { service: pricer, port: number8080, subset: 'v2' }],
    ['pricer.shop.svc.cluster.local:8080', { service: pricer, port: number8080 }],
    ['pricer.shop:8080', { service: pricer, port: number8080 }],
    ['pricer.shop:http', { service: pricer, port: http }],
    ['shop/pricer:http', { service: pricer, port: http }],
    ['shop/pricer:8080', { service: pricer, port: number8080 }],
    ['shop/pricer', { service: pricer, port: { kind: 'only' } }],
  ])('%s', (name, expected) => {
    expect(parseName(name)).toEqual(expected);
  });

  test('the cluster domain is a parameter', () => {
    expect(parseName('pricer.shop.svc.mesh.example:8080', 'mesh.example')).toEqual({
      service: pricer,
      port: number8080,
    });
    expect(parseName('pricer.shop.svc.cluster.local:8080', 'mesh.example')).toBeUndefined();
  });
});

describe('what has no such form is unknown', () => {
  test.each([
    '',
    '*',
    'pricer',
    'pricer:8080',
    'pricer.shop',
    'pricer.shop.svc.cluster.local',
    'pricer.shop.svc:8080',
    'a.pricer.shop.svc.cluster.local:8080',
    'pricer.shop.svc.cluster.local.:8080',
    'shop/pricer:',
    'shop/pricer:0',
    'shop/pricer:65536',
    'shop/pricer:08080',
    'shop/pricer:http:8080',
    'shop/pricer/http',
    '/pricer',
    'shop/',
    'Shop/pricer',
    'shop/pricer ',
    'shop/pricer\n',
    'inbound|8080||pricer.shop.svc.cluster.local',
    'outbound|http||pricer.shop.svc.cluster.local',
    'outbound|8080||pricer.shop',
    'outbound|8080||pricer.shop.svc.cluster.local|',
    'outbound|8080|v 2|pricer.shop.svc.cluster.local',
    'outbound|8080',
    'outbound_.8080_._.pricer.shop.svc.cluster.local',
    'xdstp://authority/envoy.config.endpoint.v3.ClusterLoadAssignment/pricer',
    `shop/${'p'.repeat(64)}`,
  ])('%j', (name) => {
    expect(parseName(name)).toBeUndefined();
  });

  test('whatever it is, it is no error', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), (name) => {
        parseName(name);
      }),
    );
  });
});

describe('every form leads back to what it was made of', () => {
  const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/);
  const portName = label.filter((text) => /[a-z]/.test(text));
  const portNumber = fc.integer({ min: 1, max: 65_535 });
  const subset = fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,20}[A-Za-z0-9])?$/);
  const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));

  test('by number', () => {
    fc.assert(
      fc.property(label, label, portNumber, domain, (namespace, name, number, clusterDomain) => {
        for (const text of [
          `outbound|${number}||${name}.${namespace}.svc.${clusterDomain}`,
          `${name}.${namespace}.svc.${clusterDomain}:${number}`,
          `${name}.${namespace}:${number}`,
          `${namespace}/${name}:${number}`,
        ]) {
          expect(parseName(text, clusterDomain)).toEqual({
            service: serviceKey(namespace, name),
            port: { kind: 'number', number },
          });
        }
      }),
    );
  });

  test('by name', () => {
    fc.assert(
      fc.property(label, label, portName, (namespace, name, port) => {
        for (const text of [`${name}.${namespace}:${port}`, `${namespace}/${name}:${port}`]) {
          expect(parseName(text)).toEqual({
            service: serviceKey(namespace, name),
            port: { kind: 'name', name: port },
          });
        }
      }),
    );
  });

  test('with a subset, and with no port at all', () => {
    fc.assert(
      fc.property(label, label, portNumber, subset, (namespace, name, number, version) => {
        const service = serviceKey(namespace, name);
        expect(parseName(`outbound|${number}|${version}|${name}.${namespace}.svc.cluster.local`)).toEqual({
          service,
          port: { kind: 'number', number },
          subset: version,
        });
        expect(parseName(`${namespace}/${name}`)).toEqual({ service, port: { kind: 'only' } });
      }),
    );
  });
});
