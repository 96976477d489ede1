// What a channel would have asked a sample family for.

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import gongji.v1.Bill;
import gongji.v1.SubmitBindingRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;

/** An application, and a bill without amounts, of now. */
record Sample(SubmitBindingRequest.Builder application, Bill.Builder bill) {
  static Sample of(String path) throws IOException {
    String text = Files.readString(Path.of(path))
        .replace("NOW", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString())
        .replace("TODAY", LocalDate.now(ZoneId.of("Asia/Shanghai")).toString());
    JsonObject parts = JsonParser.parseString(text).getAsJsonObject();
    return new Sample(Money.read(parts.get("application").toString(), SubmitBindingRequest.newBuilder()),
        Money.read(parts.get("bill").toString(), Bill.newBuilder()));
  }
}
