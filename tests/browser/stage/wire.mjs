// What a page costs: requests, and bytes as they came over the wire, headers and all.

/** Opens `path` in the visitor's page, which must be new to everything on it, and counts. */
export async function weigh(visitor, path) {
  const session = await visitor.context.newCDPSession(visitor.page);
  await session.send('Network.enable');
  const asked = new Map();
  session.on('Network.requestWillBeSent', ({ requestId, request, redirectResponse }) => {
    const earlier = asked.get(requestId);
    asked.set(requestId, {
      url: request.url,
      bytes: (earlier?.bytes ?? 0) + (redirectResponse?.encodedDataLength ?? 0),
      hops: (earlier?.hops ?? 0) + 1,
    });
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const one = asked.get(requestId);
    if (one) one.bytes += encodedDataLength;
  });
  session.on('Network.requestServedFromCache', ({ requestId }) => {
    const one = asked.get(requestId);
    if (one) one.cached = true;
  });
  await visitor.page.goto(path, { waitUntil: 'networkidle' });
  await session.detach();
  const all = [...asked.values()];
  return {
    requests: all.reduce((sum, one) => sum + one.hops, 0),
    bytes: all.reduce((sum, one) => sum + one.bytes, 0),
    cached: all.filter((one) => one.cached).length,
    table: all.map((one) => `${String(one.bytes).padStart(7)}  ${one.url}`).join('\n'),
  };
}
