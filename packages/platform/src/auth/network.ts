import { isIPv6 } from 'node:net';

/**
 * What of an address counts as one place: an IPv4 address as it is, of IPv6 the first 64 bits. A line at home
 * gets that many IPv6 addresses at once; whoever counts single ones counts nothing.
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const plain = address.split('%', 1)[0]!;
  if (!isIPv6(plain)) return address;
  const [head = '', tail] = plain.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    // `::` stands for as many groups of zeros as are missing; a dotted end is two groups.
    const behind = tail === '' ? 0 : tail.split(':').length + (tail.includes('.') ? 1 : 0);
    while (groups.length + behind < 8) groups.push('0');
  }
  const first = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''));
  while (first.length < 4) first.push('0');
  return `${first.join(':')}::/64`;
}
