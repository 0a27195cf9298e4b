package dev.warpwright.cli.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SafetensorsTest {
  @TempDir Path folder;

  private Path write(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("file.safetensors"), bytes);
  }

  @Test
  void readsEveryTensorWhereItLies() throws IOException {
    byte[] bytes =
        new SafetensorsBytes()
            .add("a", DType.F32, new float[] {1, 2, 3, 4, 5, 6}, 2, 3)
            .add("empty", DType.F32, new float[0], 0, 3)
            .add("b", DType.BF16, new float[] {-1.5f}, 1)
            .add("scalar", DType.F16, new float[] {0.25f})
            .bytes();
    try (Safetensors file = Safetensors.open(write(bytes))) {
      assertEquals(List.of("a", "empty", "b", "scalar"), List.copyOf(file.names()));
      Tensor a = file.tensor("a");
      assertTrue(a.shape().is(2, 3), a::toString);
      assertTrue(a.segment().isMapped() && a.segment().isReadOnly());
      assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, a.toFloats());
      assertArrayEquals(new float[] {-1.5f}, file.tensor("b").toFloats());
      assertEquals(0, file.tensor("empty").elements());
      assertEquals(0, file.tensor("scalar").rank());
      assertEquals(0.25f, file.tensor("scalar").getFloat(0));
      ModelFormatException e =
          assertThrows(ModelFormatException.class, () -> file.tensor("missing"));
      assertTrue(e.getMessage().contains("file.safetensors: missing"), e::getMessage);
    }
  }

  @Test
  void tensorsDieWithTheFile() throws IOException {
    Safetensors file =
        Safetensors.open(
            write(new SafetensorsBytes().add("a", DType.F32, new float[2], 2).bytes()));
    Tensor a = file.tensor("a");
    file.close();
    file.close();
    assertThrows(IllegalStateException.class, () -> a.getFloat(0));
  }

  @Test
  void mapsMoreThanTwoGibibytes() throws IOException {
    long zeros = 3L << 30;
    String header =
        ("{\"zeros\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]},"
                + "\"last\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%d,%d]}}")
            .formatted(zeros, zeros, zeros, zeros + 8);
    byte[] head = SafetensorsBytes.of(header, 0);
    Path path = write(head);
    try (RandomAccessFile sparse = new RandomAccessFile(path.toFile(), "rw")) {
      sparse.setLength(head.length + zeros + 8);
      sparse.seek(head.length + zeros + 4);
      sparse.write(new byte[] {0, 0, (byte) 0x80, 0x3F});
    }
    try (Safetensors file = Safetensors.open(path)) {
      assertArrayEquals(new float[] {0, 1}, file.tensor("last").toFloats());
      assertEquals(zeros, file.tensor("zeros").elements());
    }
  }

  private static String one(String fields) {
    return "{\"t\":{" + fields + "}}";
  }

  private static Arguments bad(String name, byte[] file, String field) {
    return Arguments.of(name, file, field);
  }

  private static Arguments bad(String name, String header, int dataBytes, String field) {
    return bad(name, SafetensorsBytes.of(header, dataBytes), field);
  }

  static List<Arguments> malformed() {
    String good = one("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]");
    byte[] file = SafetensorsBytes.of(good, 8);
    byte[] invalidUtf8 = good.getBytes(StandardCharsets.UTF_8);
    invalidUtf8[2] = (byte) 0xFF;
    byte[] endless = file.clone();
    Arrays.fill(endless, 0, 8, (byte) 0xFF);
    byte[] longer = file.clone();
    longer[0] = (byte) (longer[0] + 9);
    byte[] shorter = file.clone();
    shorter[0] = (byte) (shorter[0] - 1);
    String two =
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[%d,%d]},"
            + "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[%d,%d]}}";
    return List.of(
        bad("no byte", new byte[0], "header length"),
        bad("7 bytes", new byte[7], "header length"),
        bad("a length only", new byte[8], "header length"),
        bad("header length of 2^64 − 1", endless, "header length"),
        bad("header length behind the file's end", longer, "header length"),
        bad("header length inside the header", shorter, "JSON"),
        bad("file cut in the header", Arrays.copyOf(file, 30), "header length"),
        bad("file cut in the data", Arrays.copyOf(file, file.length - 1), "t.data_offsets"),
        bad("not UTF-8", SafetensorsBytes.of(invalidUtf8, new byte[8]), "JSON"),
        bad("not JSON", "not JSON at all", 0, "JSON"),
        bad("an array", "[]", 0, "JSON"),
        bad("something behind the object", good + "{}", 8, "JSON"),
        bad("nested without end", "{\"a\":".repeat(5000), 0, "JSON"),
        bad("a name twice", "{\"t\":{},\"t\":{}}", 0, "twice"),
        bad(
            "a field twice",
            one("\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]"),
            8,
            "twice"),
        bad("a tensor that is no object", "{\"t\":3}", 0, "t: "),
        bad("metadata that is no text", "{\"__metadata__\":{\"a\":1}}", 0, "__metadata__.a"),
        bad("no type", one("\"shape\":[2],\"data_offsets\":[0,8]"), 8, "t.dtype"),
        bad(
            "an unknown type",
            one("\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]"),
            8,
            "t.dtype"),
        bad("no shape", one("\"dtype\":\"F32\",\"data_offsets\":[0,8]"), 8, "t.shape"),
        bad(
            "a negative size",
            one("\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]"),
            8,
            "t.shape[0]"),
        bad(
            "half a size",
            one("\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,8]"),
            8,
            "t.shape[0]"),
        bad(
            "a size as text",
            one("\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]"),
            8,
            "t.shape[0]"),
        bad(
            "a size above 2^63",
            one("\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,8]"),
            8,
            "t.shape[0]"),
        bad(
            "a number of a million digits",
            one("\"dtype\":\"F32\",\"shape\":[" + "1".repeat(1_000_000) + "]"),
            8,
            "JSON"),
        bad(
            "a size with a huge exponent",
            one("\"dtype\":\"F32\",\"shape\":[1e999999999],\"data_offsets\":[0,8]"),
            8,
            "t.shape[0]"),
        bad(
            "a product above 2^63",
            one("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]"),
            8,
            "t.shape"),
        bad(
            "bytes above 2^63",
            one("\"dtype\":\"F32\",\"shape\":[2305843009213693953],\"data_offsets\":[0,8]"),
            8,
            "t.shape"),
        bad(
            "a product above 2^63 times zero",
            one("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,0],\"data_offsets\":[0,0]"),
            0,
            "t.shape"),
        bad(
            "one offset",
            one("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]"),
            8,
            "t.data_offsets"),
        bad(
            "begin behind end",
            one("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]"),
            8,
            "t.data_offsets"),
        bad(
            "a negative offset",
            one("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]"),
            8,
            "t.data_offsets[0]"),
        bad(
            "an end behind the data",
            one("\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]"),
            8,
            "t.data_offsets"),
        bad(
            "fewer bytes than the shape has",
            one("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]"),
            8,
            "t.data_offsets"),
        bad(
            "more bytes than the shape has",
            one("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,12]"),
            12,
            "t.data_offsets"),
        bad("two tensors in one place", two.formatted(0, 4, 0, 4), 4, "b.data_offsets"),
        bad("overlapping tensors", two.formatted(0, 4, 2, 6), 6, "b.data_offsets"),
        bad("a hole between tensors", two.formatted(0, 4, 5, 9), 9, "b.data_offsets"),
        bad("a hole at the front", two.formatted(1, 5, 5, 9), 9, "a.data_offsets"),
        bad("data of no tensor at the end", two.formatted(0, 4, 4, 8), 9, "data"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource
  void malformed(String name, byte[] bytes, String field) throws IOException {
    Path path = write(bytes);
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> Safetensors.open(path).close());
    assertTrue(e.getMessage().contains("file.safetensors: "), e::getMessage);
    assertTrue(e.getMessage().contains(field), e::getMessage);
  }

  /** Whatever byte of a good file is changed, the reader answers or refuses; it never fails. */
  @Test
  void changedBytesAreReadOrRefused() throws IOException {
    byte[] good =
        new SafetensorsBytes()
            .add("a", DType.F32, new float[] {1, 2}, 2)
            .add("b", DType.F16, new float[] {3}, 1, 1)
            .bytes();
    SplittableRandom random = new SplittableRandom(7);
    int refused = 0;
    for (int i = 0; i < 2000; i++) {
      byte[] changed = good.clone();
      changed[random.nextInt(changed.length)] = (byte) random.nextInt(256);
      try (Safetensors file = Safetensors.open(write(changed))) {
        for (String name : file.names()) {
          file.tensor(name);
        }
      } catch (ModelFormatException e) {
        refused++;
      }
    }
    assertTrue(refused > 1000, "refused " + refused);
  }
}
