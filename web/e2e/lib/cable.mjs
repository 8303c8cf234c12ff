/** A cable between a browser and a gateway, for all that goes by TCP: it can be cut, and be laid to another gateway. */
import { once } from 'node:events';
import net from 'node:net';

const loopback = '127.0.0.1';

/**
 * @typedef {object} Cable
 * @property {string} origin where the gateway seems to be
 * @property {number} target the gateway's TCP port, on 127.0.0.1
 * @property {() => void} freeze nothing passes by the connections that there are, and nobody is told; new ones are fine
 * @property {() => void} cut breaks all connections; new ones can be made at once
 * @property {() => Promise<void>} close
 */

/**
 * @param {number} port of the gateway, on 127.0.0.1
 * @returns {Promise<Cable>}
 */
export async function layCable(port) {
  /** @type {Set<net.Socket>} */
  const ends = new Set();
  const server = net.createServer((near) => {
    const far = net.connect(cable.target, loopback);
    for (const [end, other] of /** @type {const} */ ([
      [near, far],
      [far, near],
    ])) {
      ends.add(end);
      end.pipe(other);
      end.on('error', () => other.destroy());
      end.on('close', () => {
        ends.delete(end);
        other.destroy();
      });
    }
  });
  const cut = () => {
    for (const end of ends) {
      end.destroy();
    }
  };
  server.listen(0, loopback);
  await once(server, 'listening');
  const address = /** @type {net.AddressInfo} */ (server.address());
  const cable = {
    origin: `http://${loopback}:${address.port}`,
    target: port,
    freeze: () => {
      for (const end of ends) {
        end.unpipe();
        end.resume(); // what comes is lost
      }
    },
    cut,
    close: async () => {
      server.close();
      cut();
      await once(server, 'close');
    },
  };
  return cable;
}
