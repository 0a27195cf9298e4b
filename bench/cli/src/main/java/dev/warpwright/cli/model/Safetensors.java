package dev.warpwright.cli.model;

import dev.warpwright.kernels.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/**
 * A safetensors file: an 8-byte little-endian length, a JSON header of that length, and the bytes
 * of all tensors. Tensors are read-only views of the mapped file, of any size; they are valid until
 * the file is closed. Format: https://huggingface.co/docs/safetensors
 */
public final class Safetensors implements AutoCloseable {
  /** The format's own limit. */
  private static final long MAX_HEADER = 100_000_000;

  private static final int LENGTH_BYTES = 8;

  private final String file;
  private final Arena arena;
  private final MemorySegment data;
  private final SafetensorsHeader header;

  private Safetensors(String file, Arena arena, MemorySegment bytes) throws ModelFormatException {
    if (bytes.byteSize() < LENGTH_BYTES) {
      throw new ModelFormatException(
          file, "header length", "the file ends after " + bytes.byteSize() + " bytes");
    }
    long length = bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
    long most = Math.min(MAX_HEADER, bytes.byteSize() - LENGTH_BYTES);
    if (length < 2 || length > most) {
      throw new ModelFormatException(
          file, "header length", "is " + Long.toUnsignedString(length) + "; allowed: 2.." + most);
    }
    this.file = file;
    this.arena = arena;
    this.data = bytes.asSlice(LENGTH_BYTES + length).asReadOnly();
    this.header =
        SafetensorsHeader.parse(
            file, bytes.asSlice(LENGTH_BYTES, length).asByteBuffer(), data.byteSize());
  }

  /** Maps a file. */
  public static Safetensors open(Path path) throws IOException {
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new Safetensors(path.toString(), arena, bytes);
    } catch (IOException | RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  /**
   * Reads a file that is already in memory.
   *
   * @param file name of the file, for messages
   * @param bytes the whole file, which lies in {@code arena}
   * @param arena closed together with the result; left open when this method throws
   */
  public static Safetensors of(String file, MemorySegment bytes, Arena arena)
      throws ModelFormatException {
    return new Safetensors(file, arena, bytes);
  }

  /** The file's name. */
  public String file() {
    return file;
  }

  /** Names of all tensors, in the order of the file. */
  public Set<String> names() {
    return header.entries().keySet();
  }

  /** Bytes of all tensors. */
  public long bytes() {
    return data.byteSize();
  }

  /**
   * A view of one tensor.
   *
   * @throws ModelFormatException if the file does not have it
   */
  public Tensor tensor(String name) throws ModelFormatException {
    SafetensorsHeader.Entry entry = header.entries().get(name);
    if (entry == null) {
      throw new ModelFormatException(file, name, "the file has no tensor of this name");
    }
    MemorySegment bytes = data.asSlice(entry.begin(), entry.end() - entry.begin());
    long[] sizes = new long[entry.shape().rank()];
    for (int dim = 0; dim < sizes.length; dim++) {
      sizes[dim] = entry.shape().size(dim);
    }
    return Tensor.wrap(bytes, entry.dtype(), sizes);
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
