import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { holdFreePort } from '#shared/runtime/http/free-port.ts';
import { ConfigError } from '#shared/runtime/read-config.ts';

/** Ports of one stack. What a person pastes stands on fixed ports; the rest takes free ones. */
export interface StackPorts {
  control: number;
  regionals: number[];
  nats: number;
  redis: number;
  vpcs: VpcPorts[];
}

/** Where clients, and operators, reach a router. */
export interface RouterPorts {
  port: number;
  privatePort: number;
  adminPort: number;
}

/** Ports of one VPC: its inference addresses, the routers behind them, its cluster's API. */
export interface VpcPorts {
  inference: number;
  privateInference: number;
  routers: RouterPorts[];
  cluster: number;
}

/**
 * Chooses the ports. Each is bound for a moment, all at the same time, so that no two are equal.
 * @throws ConfigError when a fixed one is taken, with the command that uses others.
 */
export async function choosePorts(request: {
  first: number;
  vpcs: number;
  /** Of each VPC. */
  routers: number;
  regionals: number;
}): Promise<StackPorts> {
  const held: Server[] = [];
  const hold = async (port: number): Promise<number> => {
    const server = port === 0 ? (await holdFreePort()).held : createServer().listen(port, '127.0.0.1');
    try {
      if (!server.listening) await once(server, 'listening');
    } catch (error) {
      throw takenError(port, request.first, error);
    }
    held.push(server);
    return (server.address() as AddressInfo).port;
  };
  try {
    const control = await hold(request.first);
    const vpcs: VpcPorts[] = [];
    while (vpcs.length < request.vpcs) {
      const fixed = request.first > 0 && vpcs.length === 0;
      const [inference, privateInference] = [
        await hold(fixed ? request.first + 1 : 0),
        await hold(fixed ? request.first + 2 : 0),
      ];
      // One router listens on the inference ports itself; several stand behind the balancers that do.
      const alone = request.routers === 1;
      const routers: RouterPorts[] = [];
      while (routers.length < request.routers) {
        const [port, privatePort] = alone ? [inference, privateInference] : [await hold(0), await hold(0)];
        routers.push({ port, privatePort, adminPort: await hold(0) });
      }
      vpcs.push({ inference, privateInference, routers, cluster: await hold(0) });
    }
    const regionals = await holdMany(hold, request.regionals);
    const [nats = 0, redis = 0] = await holdMany(hold, 2);
    return { control, regionals, nats, redis, vpcs };
  } finally {
    await Promise.all(held.map((server) => closed(server)));
  }
}

async function holdMany(hold: (port: number) => Promise<number>, count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => hold(0)));
}

async function closed(server: Server): Promise<void> {
  const end = once(server, 'close');
  server.close();
  await end;
}

function takenError(port: number, first: number, cause: unknown): Error {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const why = code === 'EACCES' ? 'may not be used by this user' : 'is taken (is another Fairway running?)';
  return new ConfigError(
    `Port ${port} ${why}.\nNext: npm run dev -- --port ${first === 8700 ? 8800 : 8700}   (or --port 0 for free ones)`,
  );
}
