package dev.warpwright.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorTest {
  @Test
  void elementSizes() {
    assertEquals(
        List.of(4, 2, 2, 1, 8, 8, 4, 2, 1, 1),
        Arrays.stream(DType.values()).map(DType::bytes).toList());
    assertEquals(5, Arrays.stream(DType.values()).filter(DType::isFloat).count());
  }

  @Test
  void heapArraysAreNotCopied() {
    float[] array = {1, 2, 3, 4, 5, 6};
    Tensor tensor = Tensor.wrap(array, 2, 3);
    tensor.setFloat(4, 50);
    assertEquals(50, array[4]);
    assertSame(array, tensor.array());
    assertEquals(7, Tensor.wrap(new int[] {7}, 1).getInt(0));
    assertEquals(1.5f, Tensor.wrap(new double[] {1.5}, 1).getFloat(0));
    assertEquals(1, Tensor.wrap(new short[] {0x3C00}, DType.F16, 1).getFloat(0));
    assertEquals(1, Tensor.wrap(new short[] {0x3F80}, DType.BF16, 1).getFloat(0));
    assertEquals(1, Tensor.wrap(new byte[] {0x38}, DType.F8E4M3, 1).getFloat(0));
    assertThrows(InvalidArgumentException.class, () -> Tensor.wrap(new short[1], DType.F32, 1));
    assertThrows(InvalidArgumentException.class, () -> Tensor.wrap(new byte[4], DType.F32, 1));
  }

  @Test
  void viewsShareMemory() {
    Tensor tensor = Tensor.wrap(new float[] {0, 1, 2, 3, 4, 5}, 3, 2);
    Tensor rows = tensor.slice(1, 3);
    assertArrayEquals(new float[] {2, 3, 4, 5}, rows.toFloats());
    assertTrue(rows.shape().is(2, 2));
    assertArrayEquals(new float[] {4, 5}, rows.row(1).toFloats());
    assertEquals(16, rows.row(1).byteOffset());
    assertArrayEquals(new float[] {2, 3, 4, 5}, rows.reshape(4).toFloats());
    rows.reshape(4).setFloat(0, 9);
    assertEquals(9, tensor.getFloat(2));
    assertEquals(0, tensor.slice(3, 3).elements());
    assertEquals(3, tensor.reshape(3, 1, 2).slice(0, 1).row(0).rank() + 1);
    assertThrows(InvalidArgumentException.class, () -> tensor.slice(2, 4));
    assertThrows(InvalidArgumentException.class, () -> tensor.slice(2, 1));
    assertThrows(InvalidArgumentException.class, () -> tensor.row(3));
    assertThrows(InvalidArgumentException.class, () -> tensor.reshape(5));
    assertThrows(InvalidArgumentException.class, () -> tensor.row(0).row(0).row(0));
  }

  @Test
  void confinedMemoryIsRefusedWithTheRemedy() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(16);
      String message =
          assertThrows(InvalidArgumentException.class, () -> Tensor.wrap(segment, DType.F32, 4))
              .getMessage();
      assertTrue(message.contains("use Arena.ofShared()"), message);
    }
  }

  @Test
  void memoryOfAClosedArena() {
    Arena arena = Arena.ofShared();
    Tensor tensor = Tensor.allocate(arena, DType.F32, 4);
    MemorySegment segment = tensor.segment();
    arena.close();
    assertThrows(IllegalStateException.class, () -> tensor.getFloat(0));
    assertTrue(!tensor.memory().isAlive());
    assertThrows(InvalidArgumentException.class, () -> Tensor.wrap(segment, DType.F32, 4));
  }

  @Test
  void tooSmallMemoryAndBadOffsets() {
    HostMemory memory = new HostMemory(MemorySegment.ofArray(new byte[16]));
    assertEquals(2, Tensor.of(memory, 8, DType.F32, 2).elements());
    assertThrows(InvalidArgumentException.class, () -> Tensor.of(memory, 12, DType.F32, 2));
    assertThrows(InvalidArgumentException.class, () -> Tensor.of(memory, -1, DType.F32, 1));
    assertThrows(InvalidArgumentException.class, () -> Tensor.of(memory, 17, DType.F32, 0));
    assertThrows(InvalidArgumentException.class, () -> Tensor.wrap(new float[3], 4));
  }

  @Test
  void buffers() {
    ByteBuffer bytes = ByteBuffer.allocateDirect(64).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(2, 5);
    assertEquals(5, Tensor.wrap(bytes, DType.F32, 16).getFloat(2));
    assertEquals(5, Tensor.wrap(bytes.asFloatBuffer().position(2), DType.F32, 14).getFloat(0));
    assertEquals(5, Tensor.wrap(bytes.slice(8, 4), DType.F32, 1).getFloat(0));
    assertThrows(InvalidArgumentException.class, () -> Tensor.wrap(bytes.limit(8), DType.F32, 3));
    // Bytes have no order of their own: a new buffer is big-endian by default and still fits.
    assertEquals(0, Tensor.wrap(ByteBuffer.allocateDirect(4), DType.F32, 1).getFloat(0));
  }

  @Test
  void bigEndianBuffersAreRefused() {
    ByteBuffer big = ByteBuffer.allocateDirect(64).order(ByteOrder.BIG_ENDIAN);
    for (Buffer buffer :
        List.of(
            big.asFloatBuffer(),
            big.asDoubleBuffer(),
            big.asIntBuffer(),
            big.asLongBuffer(),
            big.asShortBuffer(),
            big.asCharBuffer())) {
      assertThrows(
          InvalidArgumentException.class,
          () -> Tensor.wrap(buffer, DType.I8, 1),
          () -> buffer.getClass().getName());
    }
  }

  /** Indices beyond 2^31 elements, in a file whose blocks the system need not store. */
  @Test
  void moreElementsThanAnIntCounts(@TempDir Path folder) throws IOException {
    long elements = (1L << 31) + 100;
    try (Arena arena = Arena.ofShared();
        FileChannel file =
            FileChannel.open(
                folder.resolve("sparse.bin"),
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.SPARSE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
      MemorySegment segment = file.map(FileChannel.MapMode.READ_WRITE, 0, elements * 2, arena);
      Tensor tensor = Tensor.wrap(segment, DType.F16, elements / 4, 4);
      tensor.setFloat(elements - 1, 3);
      assertEquals(3, tensor.row(elements / 4 - 1).getFloat(3));
      assertEquals(3, tensor.slice(elements / 4 - 2, elements / 4).getFloat(7));
      assertEquals(3, tensor.reshape(elements).row(elements - 1).getFloat(0));
      assertThrows(ArithmeticException.class, tensor::toFloats);
    }
  }

  @Test
  void wrongTypes() {
    assertThrows(InvalidArgumentException.class, () -> Tensor.wrap(new int[1], 1).getFloat(0));
    assertThrows(InvalidArgumentException.class, () -> Tensor.wrap(new float[1], 1).getInt(0));
    assertThrows(InvalidArgumentException.class, () -> Tensor.wrap(new int[1], 1).setFloat(0, 1));
  }
}
