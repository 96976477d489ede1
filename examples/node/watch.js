'use strict';
// What a service tells without being asked again: its health, and what happens to people.

/** What comes of a stream, one message after the other; whoever leaves it before its end cancels it. */
async function* messages(stream) {
  try {
    yield* stream;
  } finally {
    stream.on('error', () => {}).cancel();
  }
}

/** How a service is now: what a watcher is told first, each change comes later. */
async function healthOf(service, name) {
  for await (const {status} of messages(service.health.Watch({service: name}, service.metadata(), service.options()))) return status;
  throw new Error(`${name}：没有答复`);
}

/**
 * The kinds of events behind a cursor, so many at most, and where to go on. A cursor is kept when what came with it has been
 * dealt with: whoever begins with it again misses nothing, after a broken connection too. '' is now.
 */
async function eventsOf(service, people, cursor, most) {
  const kinds = [];
  const request = {persons: people, cursor, until_now: true};
  for await (const message of messages(service.events.Watch(request, service.metadata(), service.options()))) {
    if (message.event) kinds.push(message.event.kind);
    ({cursor} = message);
    if (kinds.length >= most) break;
  }
  return [kinds, cursor];
}

module.exports = {eventsOf, healthOf};
