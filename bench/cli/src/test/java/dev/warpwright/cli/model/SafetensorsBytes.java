package dev.warpwright.cli.model;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.FloatFormats;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes safetensors files, right and wrong ones. */
final class SafetensorsBytes {
  private final StringBuilder header = new StringBuilder("{\"__metadata__\":{\"format\":\"pt\"}");
  private final ByteArrayOutputStream data = new ByteArrayOutputStream();

  /** A file with any header and any data. */
  static byte[] of(String header, int dataBytes) {
    return of(header.getBytes(StandardCharsets.UTF_8), new byte[dataBytes]);
  }

  static byte[] of(byte[] header, byte[] data) {
    return ByteBuffer.allocate(8 + header.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .put(data)
        .array();
  }

  /** Adds a tensor of F32, F16 or BF16. */
  SafetensorsBytes add(String name, DType dtype, float[] values, int... shape) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      switch (dtype) {
        case F32 -> bytes.putFloat(value);
        case F16 -> bytes.putShort(Float.floatToFloat16(value));
        case BF16 -> bytes.putShort(FloatFormats.floatToBf16(value));
        default -> throw new IllegalArgumentException(dtype.name());
      }
    }
    int begin = data.size();
    data.writeBytes(bytes.array());
    header.append(
        ",\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
            .formatted(name, dtype, Arrays.toString(shape), begin, data.size()));
    return this;
  }

  /** The whole file; its header is padded with spaces as the usual writer does. */
  byte[] bytes() {
    return of((header + "}  ").getBytes(StandardCharsets.UTF_8), data.toByteArray());
  }
}
