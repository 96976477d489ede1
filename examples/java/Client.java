// A channel's client of gongji: grpc-java and the generated gongji.v1, nothing of gongji's.
//
// What to copy from it: one deadline a call, one request id a business request kept through all retries, what is
// retried and what is not, refusals shown as they were said, amounts as whole fen (long).
//
// It speaks the suite's protocol: tasks in GONGJI_TASK, the server in GONGJI_TARGET, one line of JSON a result.
// Who it is: GONGJI_CA, GONGJI_CERT and GONGJI_KEY name files of certificates, GONGJI_TOKEN_FILE one with a token;
// a task's `subject` says for whom it acts.

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import gongji.v1.Bill;
import gongji.v1.Binding;
import gongji.v1.BindingServiceGrpc;
import gongji.v1.BindingServiceGrpc.BindingServiceBlockingStub;
import gongji.v1.BindingState;
import gongji.v1.ListSettlementsRequest;
import gongji.v1.ListSettlementsResponse;
import gongji.v1.PersonRef;
import gongji.v1.QuoteRequest;
import gongji.v1.ReverseRequest;
import gongji.v1.ReverseResponse;
import gongji.v1.SettleRequest;
import gongji.v1.SettleResponse;
import gongji.v1.SettlementRow;
import gongji.v1.SettlementServiceGrpc;
import gongji.v1.SettlementServiceGrpc.SettlementServiceBlockingStub;
import gongji.v1.Subject;
import gongji.v1.SubmitBindingRequest;
import google.rpc.Errors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.util.EnumSet;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

public final class Client {
  private static final String CALLER = "reference-java"; // who calls: the installation, never a person
  private static final double DEADLINE_S = 10;
  private static final int ATTEMPTS = 4;
  private static final double FIRST_WAIT_S = 0.15;
  private static final double LONGEST_WAIT_S = 3;

  // Executed or not: the same request with the same id finds out.
  private static final Set<Status.Code> UNKNOWN = EnumSet.of(Status.Code.UNAVAILABLE, Status.Code.DEADLINE_EXCEEDED);

  private static final Metadata.Key<byte[]> DETAILS =
      Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);
  private static final Metadata.Key<byte[]> SUBJECT =
      Metadata.Key.of("x-gongji-subject-bin", Metadata.BINARY_BYTE_MARSHALLER);

  /** An error as the service explains it. */
  private record Refusal(Status.Code code, String reason, String message, double pauseS) {}

  private final ManagedChannel channel;
  private final SettlementServiceBlockingStub settlements;
  private final BindingServiceBlockingStub bindings;
  private double longestS;
  private String requestId;
  private byte[] subject;

  private Client(String target) throws IOException {
    NettyChannelBuilder builder = NettyChannelBuilder.forTarget(target);
    File ca = file("GONGJI_CA");
    if (ca == null) {
      builder.usePlaintext(); // to this very machine only; a token is never sent so elsewhere
    } else {
      builder.sslContext(Tls.context(ca, file("GONGJI_CERT"), file("GONGJI_KEY")));
    }
    channel = builder.build();
    settlements = SettlementServiceGrpc.newBlockingStub(channel);
    bindings = BindingServiceGrpc.newBlockingStub(channel);
  }

  private static File file(String variable) {
    String path = System.getenv(variable);
    return path == null || path.isEmpty() ? null : new File(path);
  }

  /** The result of one task: done, refused by the service, or unknown. */
  private JsonObject perform(JsonObject task) throws Exception {
    longestS = task.has("deadline_s") ? task.get("deadline_s").getAsDouble() : DEADLINE_S;
    requestId = "";
    subject = task.has("subject") ? read(task.get("subject"), Subject.newBuilder()).build().toByteArray() : null;
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
      return ended(refusalOf(error));
    }
  }

  private void quote(JsonObject task, JsonObject result) throws Exception {
    QuoteRequest request = QuoteRequest.newBuilder().setBill(bill(task)).build();
    result.addProperty("fund_fen", Long.toString(call(() -> with(settlements).quote(request)).getSettlement().getFundFen()));
  }

  /** Settles one bill. A replayed reply is as good as the first: the money has moved once. */
  private void settle(JsonObject task, JsonObject result) throws Exception {
    SettleRequest request = SettleRequest.newBuilder().setRequestId(newId()).setBill(bill(task)).build();
    SettleResponse reply = call(() -> with(settlements).settle(request));
    result.addProperty("settlement_id", reply.getSettlement().getSettlementId());
    result.addProperty("fund_fen", Long.toString(reply.getSettlement().getFundFen()));
    result.addProperty("replayed", reply.getReceipt().getReplayed());
  }

  /** Applies for a binding. A state of a later version comes as its number. */
  private void submit(JsonObject task, JsonObject result) throws Exception {
    SubmitBindingRequest request =
        read(task.get("application"), SubmitBindingRequest.newBuilder()).setRequestId(newId()).build();
    Binding binding = call(() -> with(bindings).submitBinding(request)).getBinding();
    boolean known = binding.getState() != BindingState.UNRECOGNIZED;
    result.addProperty("binding_id", binding.getBindingId());
    result.addProperty("state", known ? binding.getState().name() : Integer.toString(binding.getStateValue()));
  }

  private void reverse(JsonObject task, JsonObject result) throws Exception {
    ReverseRequest request = ReverseRequest.newBuilder().setRequestId(newId())
        .setSettlementId(task.get("settlement_id").getAsString()).setWhy("患者退费").build();
    ReverseResponse reply = call(() -> with(settlements).reverse(request));
    result.addProperty("settlement_id", reply.getSettlement().getSettlementId());
    result.addProperty("replayed", reply.getReceipt().getReplayed());
  }

  /** The rows of every page. Only a page without a token is the last, however few rows a page has. */
  private void list(JsonObject task, JsonObject result) throws Exception {
    JsonArray numbers = new JsonArray();
    ListSettlementsRequest.Builder request = ListSettlementsRequest.newBuilder()
        .setPatient(read(task.get("patient"), PersonRef.newBuilder()).build())
        .setFromDay(task.get("from_day").getAsString()).setToDay(task.get("to_day").getAsString());
    request.getPageBuilder().setSize(task.get("page_size").getAsInt());
    ListSettlementsResponse reply;
    do {
      ListSettlementsRequest page = request.build();
      reply = call(() -> with(settlements).listSettlements(page));
      // A reversed settlement has a second row, its refund, on the day of that.
      for (SettlementRow row : reply.getRowsList()) if (!row.getRefund()) numbers.add(row.getSettlementId());
      request.getPageBuilder().setToken(reply.getNextPageToken());
    } while (!reply.getNextPageToken().isEmpty());
    result.add("settlement_ids", numbers);
  }

  private static Bill bill(JsonObject task) throws InvalidProtocolBufferException {
    return read(task.get("bill"), Bill.newBuilder()).build();
  }

  private static <B extends Message.Builder> B read(JsonElement json, B into) throws InvalidProtocolBufferException {
    JsonFormat.parser().merge(json.toString(), into);
    return into;
  }

  /** A fresh id: made once for each business request, from chance alone. */
  private String newId() {
    requestId = UUID.randomUUID().toString();
    return requestId;
  }

  /** The reply. The same request goes out again where that is worth it, later each time and never sooner than asked. */
  private <T> T call(Callable<T> method) throws Exception {
    for (int attempt = 1; ; attempt++) {
      try {
        return method.call();
      } catch (StatusRuntimeException error) {
        Refusal refusal = refusalOf(error);
        boolean again = UNKNOWN.contains(refusal.code()) || refusal.code() == Status.Code.RESOURCE_EXHAUSTED;
        if (!again || attempt >= ATTEMPTS) throw error;
        double waitS = Math.min(FIRST_WAIT_S * Math.pow(2, attempt - 1), LONGEST_WAIT_S);
        TimeUnit.MILLISECONDS.sleep((long) (1000 * Math.max(waitS, refusal.pauseS())));
      }
    }
  }

  /** A stub for one call: its deadline, who calls and for whom; else people belong in requests, never in metadata. */
  private <S extends AbstractStub<S>> S with(S stub) throws IOException {
    Metadata metadata = new Metadata();
    metadata.put(ascii("x-gongji-caller"), CALLER);
    if (file("GONGJI_TOKEN_FILE") != null) {
      // Read anew each time: a token is replaced before it runs out.
      String token = Files.readString(file("GONGJI_TOKEN_FILE").toPath()).strip();
      metadata.put(ascii("authorization"), "Bearer " + token);
    }
    if (subject != null) metadata.put(SUBJECT, subject);
    return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata))
        .withDeadlineAfter((long) (1000 * longestS), TimeUnit.MILLISECONDS);
  }

  private static Metadata.Key<String> ascii(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  /** What an error says: ErrorInfo.reason, the sentence, and when to come again. */
  private static Refusal refusalOf(StatusRuntimeException error) throws InvalidProtocolBufferException {
    String reason = "";
    String message = error.getStatus().getDescription();
    double pauseS = 0;
    Metadata trailers = error.getTrailers() == null ? new Metadata() : error.getTrailers();
    byte[] packed = trailers.get(DETAILS);
    for (Any detail : packed == null ? Errors.Status.getDefaultInstance().getDetailsList()
        : Errors.Status.parseFrom(packed).getDetailsList()) {
      if (detail.is(Errors.ErrorInfo.class)) reason = detail.unpack(Errors.ErrorInfo.class).getReason();
      if (detail.is(Errors.LocalizedMessage.class)) {
        message = detail.unpack(Errors.LocalizedMessage.class).getMessage();
      }
      if (detail.is(Errors.RetryInfo.class)) {
        var delay = detail.unpack(Errors.RetryInfo.class).getRetryDelay();
        pauseS = delay.getSeconds() + delay.getNanos() / 1e9;
      }
    }
    String pushback = trailers.get(ascii("grpc-retry-pushback-ms"));
    if (pushback != null) pauseS = Math.max(pauseS, Long.parseLong(pushback) / 1000.0);
    return new Refusal(error.getStatus().getCode(), reason, message == null ? "" : message, pauseS);
  }

  /** The result of a call without a reply. */
  private JsonObject ended(Refusal refusal) {
    JsonObject result = new JsonObject();
    boolean unknown = UNKNOWN.contains(refusal.code());
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
    Client client = new Client(System.getenv("GONGJI_TARGET"));
    for (JsonElement task : JsonParser.parseString(System.getenv("GONGJI_TASK")).getAsJsonArray()) {
      System.out.println(client.perform(task.getAsJsonObject()));
    }
    client.channel.shutdown();
  }
}
