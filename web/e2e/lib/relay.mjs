/** A NAT in front of a viewer: a UDP relay between the browser and the gateway, whose outer port can change. */
import dgram from 'node:dgram';
import { once } from 'node:events';

const loopback = '127.0.0.1';

/**
 * @typedef {object} Relay
 * @property {number} port where the browser sends its media packets, on 127.0.0.1
 * @property {() => void} rebind gives every flow a new outer port; what still comes to the old one is lost
 * @property {(blocked: boolean) => void} block loses all packets, until it is told otherwise
 * @property {() => number} received packets that have come from the gateway since the last rebind
 * @property {() => Promise<void>} close
 */

/**
 * @param {number} server the gateway's UDP port, on 127.0.0.1
 * @returns {Promise<Relay>}
 */
export async function startRelay(server) {
  const inner = dgram.createSocket('udp4').bind(0, loopback);
  await once(inner, 'listening');
  /** @type {Map<string, { client: dgram.RemoteInfo, outer: dgram.Socket }>} */
  const flows = new Map();
  let received = 0;
  let blocked = false;

  /** @param {dgram.RemoteInfo} client */
  const connect = (client) =>
    dgram.createSocket('udp4', (packet, from) => {
      if (from.port === server && !blocked) {
        received++;
        inner.send(packet, client.port, client.address);
      }
    });

  inner.on('message', (packet, client) => {
    const key = `${client.address}:${client.port}`;
    const flow = flows.get(key) ?? { client, outer: connect(client) };
    flows.set(key, flow);
    if (!blocked) {
      flow.outer.send(packet, server, loopback);
    }
  });

  return {
    port: inner.address().port,
    rebind: () => {
      received = 0;
      for (const flow of flows.values()) {
        const old = flow.outer;
        flow.outer = connect(flow.client); // before the old one is closed, so that it can't get the same port
        flow.outer.bind(0, loopback, () => old.close());
      }
    },
    block: (now) => {
      blocked = now;
    },
    received: () => received,
    close: async () => {
      for (const { outer } of flows.values()) {
        outer.close();
      }
      inner.close();
      await once(inner, 'close');
    },
  };
}

/**
 * Has a page's media go through a relay and no other way. Call it before the navigation.
 * @param {import('puppeteer-core').Page} page
 * @param {Relay} relay
 */
export async function useRelay(page, relay) {
  await page.evaluateOnNewDocument(redirect, loopback, relay.port);
}

/**
 * Runs before a page's own scripts: of the answer's candidates one is left, the relay, and the browser's own stay unknown.
 * @param {string} address
 * @param {number} port
 */
function redirect(address, port) {
  const Native = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Native {
    /** @param {RTCConfiguration} [configuration] */
    constructor(configuration) {
      super(configuration);
      this.addEventListener('icecandidate', (event) => event.stopImmediatePropagation());
    }

    /**
     * @override
     * @param {RTCSessionDescriptionInit} description
     */
    async setRemoteDescription({ type, sdp = '' }) {
      const others = sdp.replace(/^a=candidate:.*\r\n/gm, '');
      const candidate = `a=candidate:1 1 udp 2130706431 ${address} ${port} typ host\r\n`;
      await super.setRemoteDescription({ type, sdp: others.replace(/^a=ice-ufrag:/gm, `${candidate}$&`) });
    }
  };
}
