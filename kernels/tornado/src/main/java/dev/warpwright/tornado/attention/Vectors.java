package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.DType;
import dev.warpwright.tornado.Staged;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.ShortArray;

/**
 * Elements of keys or of values, as {@link Elements} reads them: in one of three arrays, the others
 * are empty.
 */
final class Vectors {
  final FloatArray floats;
  final ShortArray shorts;
  final ByteArray bytes;
  private final DType dtype;

  Vectors(DType dtype, long elements) {
    this.dtype = dtype;
    floats = Staged.floats(dtype.bytes() == Float.BYTES ? elements : 0);
    shorts = Staged.shorts(dtype.bytes() == Short.BYTES ? elements : 0);
    bytes = Staged.bytes(dtype.bytes() == Byte.BYTES ? elements : 0);
  }

  /** All arrays. */
  List<Object> arrays() {
    return List.of(floats, shorts, bytes);
  }

  /** The memory of the array that has the elements. */
  MemorySegment segment() {
    return switch (dtype.bytes()) {
      case Float.BYTES -> floats.getSegment();
      case Short.BYTES -> shorts.getSegment();
      default -> bytes.getSegment();
    };
  }
}
