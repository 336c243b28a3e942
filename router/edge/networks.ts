import { BlockList, isIP } from 'node:net';

/** Addresses in CIDR notation (`10.0.0.0/8`, `2001:db8::/32`, or one alone). What cannot be read holds no address. */
export function networksOf(texts: readonly string[]): BlockList {
  const networks = new BlockList();
  for (const text of texts) {
    const [address = '', bits] = text.split('/');
    const longest = isIP(address) === 6 ? 128 : 32;
    const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
    if (isIP(address) !== 0 && prefix >= 0 && prefix <= longest) networks.addSubnet(address, prefix, familyOf(address));
  }
  return networks;
}

/** Whether an address (IPv4 also as IPv6 writes it) is in one of the networks; one that is not known is in none. */
export function holds(networks: BlockList, address: string | undefined): boolean {
  return address !== undefined && isIP(address) !== 0 && networks.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
