// The tasks of the conformance suite, which tests/conformance/README.md describes: what judges Service.java.
// Tasks in GONGJI_TASK, the server in GONGJI_TARGET, one line of JSON a result.

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import gongji.v1.*;
import io.grpc.StatusRuntimeException;
import java.util.concurrent.TimeUnit;

public final class Client {
  private final Service service;
  private final SettlementServiceGrpc.SettlementServiceBlockingStub settlements;
  private final BindingServiceGrpc.BindingServiceBlockingStub bindings;
  private String requestId;

  private Client(Service service) {
    this.service = service;
    settlements = SettlementServiceGrpc.newBlockingStub(service.channel);
    bindings = BindingServiceGrpc.newBlockingStub(service.channel);
  }

  /** The result of one task: done, refused by the service, or unknown. */
  private JsonObject perform(JsonObject task) throws Exception {
    service.longestS = task.has("deadline_s") ? task.get("deadline_s").getAsDouble() : 10;
    service.subject = task.has("subject")
        ? Money.read(task.get("subject").toString(), Subject.newBuilder()).build().toByteArray() : null;
    requestId = "";
    JsonObject result = new JsonObject();
    result.addProperty("outcome", "done");
    try {
      switch (task.get("do").getAsString()) {
        case "quote" -> quote(task, result);
        case "settle" -> settle(task, result);
        case "submit" -> submit(task, result);
        case "reverse" -> reverse(task, result);
        case "list" -> list(task, result);
        case "wait" -> TimeUnit.MILLISECONDS.sleep((long) (1000 * task.get("seconds").getAsDouble()));
        default -> throw new IllegalArgumentException(task.get("do").getAsString());
      }
      return result;
    } catch (StatusRuntimeException error) {
      return ended(Service.refusalOf(error));
    }
  }

  private void quote(JsonObject task, JsonObject result) throws Exception {
    QuoteRequest request = QuoteRequest.newBuilder().setBill(bill(task)).build();
    result.addProperty("fund_fen", Long.toString(service.call(() -> service.with(settlements).quote(request)).getSettlement().getFundFen()));
  }

  /** Settles one bill. A replayed reply is as good as the first: the money has moved once. */
  private void settle(JsonObject task, JsonObject result) throws Exception {
    SettleRequest request = SettleRequest.newBuilder().setRequestId(anew()).setBill(bill(task)).build();
    SettleResponse reply = service.call(() -> service.with(settlements).settle(request));
    result.addProperty("settlement_id", reply.getSettlement().getSettlementId());
    result.addProperty("fund_fen", Long.toString(reply.getSettlement().getFundFen()));
    result.addProperty("replayed", reply.getReceipt().getReplayed());
  }

  /** Applies for a binding. A state of a later version comes as its number. */
  private void submit(JsonObject task, JsonObject result) throws Exception {
    SubmitBindingRequest request =
        Money.read(task.get("application").toString(), SubmitBindingRequest.newBuilder()).setRequestId(anew()).build();
    Binding binding = service.call(() -> service.with(bindings).submitBinding(request)).getBinding();
    boolean known = binding.getState() != BindingState.UNRECOGNIZED;
    result.addProperty("binding_id", binding.getBindingId());
    result.addProperty("state", known ? binding.getState().name() : Integer.toString(binding.getStateValue()));
  }

  private void reverse(JsonObject task, JsonObject result) throws Exception {
    ReverseRequest request = ReverseRequest.newBuilder().setRequestId(anew())
        .setSettlementId(task.get("settlement_id").getAsString()).setWhy("患者退费").build();
    ReverseResponse reply = service.call(() -> service.with(settlements).reverse(request));
    result.addProperty("settlement_id", reply.getSettlement().getSettlementId());
    result.addProperty("replayed", reply.getReceipt().getReplayed());
  }

  /** The rows of every page. Only a page without a token is the last, however few rows a page has. */
  private void list(JsonObject task, JsonObject result) throws Exception {
    JsonArray numbers = new JsonArray();
    ListSettlementsRequest.Builder request = ListSettlementsRequest.newBuilder()
        .setPatient(Money.read(task.get("patient").toString(), PersonRef.newBuilder()).build())
        .setFromDay(task.get("from_day").getAsString()).setToDay(task.get("to_day").getAsString());
    request.getPageBuilder().setSize(task.get("page_size").getAsInt());
    ListSettlementsResponse reply;
    do {
      ListSettlementsRequest page = request.build();
      reply = service.call(() -> service.with(settlements).listSettlements(page));
      // A reversed settlement has a second row, its refund, on the day of that.
      for (SettlementRow row : reply.getRowsList()) if (!row.getRefund()) numbers.add(row.getSettlementId());
      request.getPageBuilder().setToken(reply.getNextPageToken());
    } while (!reply.getNextPageToken().isEmpty());
    result.add("settlement_ids", numbers);
  }

  private static Bill bill(JsonObject task) throws InvalidProtocolBufferException {
    return Money.read(task.get("bill").toString(), Bill.newBuilder()).build();
  }

  /** A fresh id: made once for each business request. */
  private String anew() {
    requestId = Service.newId();
    return requestId;
  }

  /** The result of a call without a reply. */
  private JsonObject ended(Service.Refusal refusal) {
    JsonObject result = new JsonObject();
    boolean unknown = Service.UNKNOWN.contains(refusal.code());
    result.addProperty("outcome", unknown ? "unknown" : "refused");
    result.addProperty("code", refusal.code().name());
    if (unknown) {
      result.addProperty("request_id", requestId);
    } else {
      result.addProperty("reason", refusal.reason());
      result.addProperty("message", refusal.message());
    }
    return result;
  }

  public static void main(String[] arguments) throws Exception {
    Client client = new Client(new Service(System.getenv("GONGJI_TARGET")));
    for (JsonElement task : JsonParser.parseString(System.getenv("GONGJI_TASK")).getAsJsonArray()) {
      System.out.println(client.perform(task.getAsJsonObject()));
    }
    client.service.channel.shutdown();
  }
}
