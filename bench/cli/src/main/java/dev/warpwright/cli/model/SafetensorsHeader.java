package dev.warpwright.cli.model;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.Shape;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of a safetensors file: which tensor lies where in the data behind it. Nothing of the
 * file is believed: types, shapes and byte ranges are checked against each other and against the
 * size of the data, which the tensors must fill without overlap and without a hole, as the format
 * demands.
 */
final class SafetensorsHeader {
  private static final String METADATA = "__metadata__";

  /**
   * One tensor.
   *
   * @param begin first byte in the data behind the header
   * @param end the byte behind its last one
   */
  record Entry(DType dtype, Shape shape, long begin, long end) {}

  private final Map<String, Entry> entries;

  private SafetensorsHeader(Map<String, Entry> entries) {
    this.entries = entries;
  }

  /** All tensors by name, in the order of the header. */
  Map<String, Entry> entries() {
    return entries;
  }

  /**
   * Parses and checks a header.
   *
   * @param file name of the file, for messages
   * @param json the header's text
   * @param dataBytes bytes that follow the header
   */
  static SafetensorsHeader parse(String file, ByteBuffer json, long dataBytes)
      throws ModelFormatException {
    JsonFields fields = JsonFields.parse(file, json);
    Map<String, Entry> entries = new LinkedHashMap<>();
    for (String name : fields.names()) {
      if (name.equals(METADATA)) {
        JsonFields metadata = fields.object(name);
        for (String key : metadata.names()) {
          metadata.text(key);
        }
      } else {
        entries.put(name, entry(fields.object(name), dataBytes));
      }
    }
    requireFilled(file, entries, dataBytes);
    return new SafetensorsHeader(entries);
  }

  private static Entry entry(JsonFields fields, long dataBytes) throws ModelFormatException {
    DType dtype = dtype(fields);
    long[] sizes = fields.sizes("shape");
    long[] offsets = fields.sizes("data_offsets");
    if (offsets.length != 2) {
      throw fields.problem("data_offsets", "has " + offsets.length + " numbers; allowed: 2");
    }
    long begin = offsets[0];
    long end = offsets[1];
    if (begin > end) {
      throw fields.problem("data_offsets", "begin " + begin + " lies behind end " + end);
    }
    if (end > dataBytes) {
      throw fields.problem(
          "data_offsets", "end " + end + " lies behind the data's " + dataBytes + " bytes");
    }
    long bytes;
    Shape shape;
    try {
      shape = Shape.of(sizes);
      bytes = Math.multiplyExact(shape.elements(), (long) dtype.bytes());
    } catch (InvalidArgumentException | ArithmeticException e) {
      throw fields.problem("shape", "needs more than 2^63 − 1 bytes");
    }
    if (bytes != end - begin) {
      throw fields.problem(
          "data_offsets",
          (end - begin) + " bytes, but " + dtype + shape + " has " + bytes + " bytes");
    }
    return new Entry(dtype, shape, begin, end);
  }

  private static DType dtype(JsonFields fields) throws ModelFormatException {
    String name = fields.text("dtype");
    return switch (name) {
      case "F64" -> DType.F64;
      case "F32" -> DType.F32;
      case "F16" -> DType.F16;
      case "BF16" -> DType.BF16;
      case "F8_E4M3" -> DType.F8E4M3;
      case "I64" -> DType.I64;
      case "I32" -> DType.I32;
      case "I16" -> DType.I16;
      case "I8" -> DType.I8;
      case "U8" -> DType.U8;
      default ->
          throw fields.wrong(
              "dtype", name, "F64, F32, F16, BF16, F8_E4M3, I64, I32, I16, I8 or U8");
    };
  }

  private static void requireFilled(String file, Map<String, Entry> entries, long dataBytes)
      throws ModelFormatException {
    List<Map.Entry<String, Entry>> byPlace = new ArrayList<>(entries.entrySet());
    byPlace.sort(
        Comparator.<Map.Entry<String, Entry>>comparingLong(e -> e.getValue().begin())
            .thenComparingLong(e -> e.getValue().end()));
    long filled = 0;
    for (Map.Entry<String, Entry> tensor : byPlace) {
      long begin = tensor.getValue().begin();
      if (begin != filled) {
        throw new ModelFormatException(
            file,
            tensor.getKey() + ".data_offsets",
            begin < filled
                ? "begin " + begin + " overlaps the tensor that ends at " + filled
                : "bytes " + filled + " to " + begin + " before it belong to no tensor");
      }
      filled = tensor.getValue().end();
    }
    if (filled != dataBytes) {
      throw new ModelFormatException(
          file, "data", "bytes " + filled + " to " + dataBytes + " belong to no tensor");
    }
  }
}
