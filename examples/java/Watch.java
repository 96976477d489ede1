// What a service tells without being asked again: its health, and what happens to people.

import gongji.v1.EventServiceGrpc;
import gongji.v1.PersonRef;
import gongji.v1.WatchRequest;
import io.grpc.Context;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import java.util.ArrayList;
import java.util.List;

/** The kinds of events that were told, and where to go on. */
record Watch(List<String> kinds, String cursor) {
  /** How a service is now: what a watcher is told first, each change comes later. */
  static ServingStatus healthOf(Service service, String name) throws Exception {
    var asked = HealthCheckRequest.newBuilder().setService(name).build();
    try (var call = Context.current().withCancellation()) {
      return call.call(() -> service.with(HealthGrpc.newBlockingStub(service.channel)).watch(asked).next().getStatus());
    }
  }

  /**
   * What happened to people behind a cursor, so many events at most. A cursor is kept when what came with it has been dealt
   * with: whoever begins with it again misses nothing, after a broken connection too. "" is now.
   */
  static Watch of(Service service, List<PersonRef> people, String cursor, int most) throws Exception {
    var request = WatchRequest.newBuilder().addAllPersons(people).setCursor(cursor).setUntilNow(true).build();
    // Whoever leaves a stream before its end cancels it.
    try (var call = Context.current().withCancellation()) {
      return call.call(() -> {
        var told = new Watch(new ArrayList<>(), cursor);
        var messages = service.with(EventServiceGrpc.newBlockingStub(service.channel)).watch(request);
        while (messages.hasNext()) {
          var message = messages.next();
          if (message.hasEvent()) told.kinds.add(message.getEvent().getKind().name());
          told = new Watch(told.kinds, message.getCursor());
          if (told.kinds.size() >= most) return told;
        }
        return told;
      });
    }
  }
}
