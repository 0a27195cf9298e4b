package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** The kinds of host memory that a tensor may lie in. */
enum MemoryKind {
  /** A heap array of the elements' Java type. */
  ELEMENTS,
  /** A heap array of bytes. */
  BYTES,
  /** Native memory of an arena. */
  NATIVE,
  /** A direct buffer. */
  BUFFER,
  /** A mapped file. */
  FILE,
  /** Native memory between unreadable pages, or of an arena where that is not possible. */
  GUARDED;

  private static final List<MemoryKind> OFTEN = List.of(ELEMENTS, BYTES, NATIVE);

  /** A kind; those that cost system calls are rarer. */
  static MemoryKind draw(CaseRandom random) {
    return random.chance(0.2)
        ? random.oneOf(BUFFER, FILE, GUARDED)
        : OFTEN.get(random.between(0, OFTEN.size() - 1));
  }

  /** At least {@code bytes} bytes, a multiple of the element size. */
  MemorySegment allocate(Arena arena, DType dtype, long bytes) {
    int size = Math.toIntExact(bytes);
    return switch (this) {
      case ELEMENTS ->
          switch (dtype) {
            case F32 -> MemorySegment.ofArray(new float[size / 4]);
            case F64 -> MemorySegment.ofArray(new double[size / 8]);
            case I64 -> MemorySegment.ofArray(new long[size / 8]);
            case I32 -> MemorySegment.ofArray(new int[size / 4]);
            case F16, BF16, I16 -> MemorySegment.ofArray(new short[size / 2]);
            case F8E4M3, I8, U8 -> MemorySegment.ofArray(new byte[size]);
          };
      case BYTES -> MemorySegment.ofArray(new byte[size]);
      case NATIVE -> arena.allocate(bytes, 64);
      case BUFFER -> MemorySegment.ofBuffer(ByteBuffer.allocateDirect(size));
      case FILE -> mapped(arena, bytes);
      case GUARDED ->
          GuardPages.available() ? GuardPages.allocate(arena, bytes) : arena.allocate(bytes, 64);
    };
  }

  private static MemorySegment mapped(Arena arena, long bytes) {
    try {
      Path file = Files.createTempFile("warpwright", ".bin");
      try (FileChannel channel =
          FileChannel.open(
              file,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE)) {
        return channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, arena);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
