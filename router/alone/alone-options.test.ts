import { describe, expect, it } from 'vitest';
import { readAloneOptions } from './alone-options.ts';
import { readUpstream } from './upstream-address.ts';

const upstream = ['--upstream', 'http://gpu:8000'];

describe('the options of npm run route', () => {
  it.each([
    ['http://gpu:8000', { url: 'http://gpu:8000', scheme: 'http', address: 'gpu', port: 8000, basePath: '', key: '' }],
    ['https://:k%2F1@gpu/a/v1/', { url: 'https://gpu/a', port: 443, basePath: '/a', key: 'k/1' }],
    ['http://[::1]:1/v1', { url: 'http://[::1]:1', address: '::1', basePath: '' }],
    ['http://k@gpu', { url: 'http://gpu', port: 80, key: 'k' }],
  ])('read the upstream %s', (text, expected) => {
    expect(readUpstream(text, '')).toMatchObject(expected);
  });

  it('give upstreams without a key the one of the environment', () => {
    const args = [...upstream, '--upstream', 'http://:own@other'];
    const { upstreams } = readAloneOptions(args, { FAIRWAY_UPSTREAM_KEY: 'common' });
    expect(upstreams.map(({ key }) => key)).toEqual(['common', 'own']);
  });

  it.each([
    [[], 'Name the servers to route to'],
    [['--upstream', 'gpu:8000'], 'The upstream "gpu:8000" is no address of a server: write http://host:port'],
    [['--upstream', 'ftp://:secret@gpu'], 'The upstream "ftp://***@gpu" is no address'],
    [['--upstream', 'http://gpu/?key=secret'], 'The upstream "http://gpu/?***" has something behind its path'],
    [['--upstream', 'http://:sec/ret@gpu'], 'The upstream "http://***@gpu" is no address'],
    [['--upstream', 'http://:100%@gpu'], 'The key in the upstream "http://***@gpu" cannot be read: write "%" as %25'],
    [[...upstream, '--upstream', 'http://gpu:8000/v1'], 'The upstream http://gpu:8000 is named 2 times'],
    [[...upstream, '--prot', '1'], "Unknown option '--prot'"],
    [[...upstream, '--host', '0.0.0.0'], 'Whoever reaches 0.0.0.0 could use your upstreams: give a token'],
    [['--upstream', 'http://localhost:9', '--port', '9'], 'http://localhost:9 is this router itself'],
    [['--upstream', 'http://localhost:9', '--port', '9', '--host', '::', '--open'], 'is this router itself'],
    [[...upstream, '--token', 'two words'], 'A token is 1 to 1024 visible ASCII characters'],
    [['--upstreams-file', '/nowhere'], 'ENOENT'],
  ])('refuse %j, and say what to do', (args, text) => {
    expect(() => readAloneOptions(args, {})).toThrow(text);
    expect(() => readAloneOptions(args, {})).toThrow('See: npm run route -- --help');
  });

  it('let anyone in from elsewhere where that is said', () => {
    expect(readAloneOptions([...upstream, '--host', '0.0.0.0', '--open'], {})).toMatchObject({
      open: true,
      tokens: [],
    });
    expect(readAloneOptions([...upstream, '--host', '0.0.0.0'], { FAIRWAY_TOKEN: 'x' })).toMatchObject({
      tokens: ['x'],
    });
  });
});
