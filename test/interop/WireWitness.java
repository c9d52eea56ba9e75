// Reads messages of Kafka's protocol with Kafka's own classes and writes them again. One line each: "key version request|response hex";
// answers "hex" of what it wrote, or "refused: why". Bytes that come back unchanged were understood to the last field.
import java.io.*;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.*;

public class WireWitness {
  public static void main(String[] args) throws Exception {
    var in = new BufferedReader(new InputStreamReader(System.in));
    var out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false);
    for (String line; (line = in.readLine()) != null; ) {
      String[] words = line.split(" ", -1);
      try {
        out.println(again(Short.parseShort(words[0]), Short.parseShort(words[1]), words[2].equals("request"), words[3]));
      } catch (RuntimeException e) {
        out.println("refused: " + e);
      }
    }
    out.flush();
  }

  static String again(short key, short version, boolean isRequest, String hex) {
    ApiMessageType type = ApiMessageType.fromApiKey(key);
    Message message = isRequest ? type.newRequest() : type.newResponse();
    ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(hex));
    message.read(new ByteBufferAccessor(bytes), version);
    if (bytes.hasRemaining()) return "refused: " + bytes.remaining() + " bytes are left";
    ByteBuffer written = MessageUtil.toByteBufferAccessor(message, version).buffer();
    return HexFormat.of().formatHex(written.array(), written.arrayOffset(), written.limit());
  }
}
