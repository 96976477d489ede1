import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import java.math.BigDecimal;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Yuan as people write them and whole fen as the service counts them, never mixed up. */
final class Money {
  private static final Pattern YUAN = Pattern.compile("[0-9]{1,13}(\\.[0-9]{1,2})?");
  private static final Pattern FEN = Pattern.compile("\"(\\w+_fen)\"\\s*:\\s*(\"[^\"]*\"|[^\\s,}]+)");
  private static final Pattern WHOLE = Pattern.compile("\"-?[0-9]+\"|-?[0-9]+");

  private Money() {}

  /** An amount as people write it, "900.50" yuan, as whole fen: 90050. */
  static long fen(String yuan) {
    if (!YUAN.matcher(yuan).matches()) {
      throw new IllegalArgumentException("金额 " + yuan + " 不是元：请写作 \"900.50\"，至多两位小数");
    }
    return new BigDecimal(yuan).movePointRight(2).longValueExact();
  }

  /** Fen as people read them. */
  static String inYuan(long fen) {
    return BigDecimal.valueOf(fen, 2) + " 元";
  }

  /** Fills a message from protobuf JSON. Yuan in a field of fen are refused: it would take "100.00" for 100 fen. */
  static <B extends Message.Builder> B read(String json, B into) throws InvalidProtocolBufferException {
    for (Matcher found = FEN.matcher(json); found.find(); ) {
      if (!WHOLE.matcher(found.group(2)).matches()) {
        throw new IllegalArgumentException(
            found.group(1) + " 写了 " + found.group(2) + "：这里是分，须是整数；元请先以 fen(\"100.00\") 换算");
      }
    }
    JsonFormat.parser().merge(json, into);
    return into;
  }
}
