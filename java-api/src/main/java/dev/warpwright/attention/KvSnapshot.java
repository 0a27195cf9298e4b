package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * All that a cache holds of one sequence, in host memory and in canonical form: keys, values,
 * positions and noted scores of each layer's and head's row. Any provider's cache of the same
 * layout can {@linkplain PagedKvCache#restore restore} it, and {@link #writeTo} and {@link #read}
 * carry it to another process. What an eviction policy has decided is not part of it.
 *
 * <p>Written, it is little-endian: {@code "WWKV"}, I32 version 1, I32 bytes of the layout, the
 * layout as text, I32 position, I32 length of each row; then keys, values, positions and noted
 * numbers of the rows' pages one row after the other; last a CRC-32C of everything before. The sum
 * finds accidents, not forgery. Slots behind a row's last one hold anything.
 */
public final class KvSnapshot implements Resource {
  private static final int MAGIC = 0x564b5757;
  private static final int VERSION = 1;
  private static final int CHUNK = 1 << 16;

  private final KvCacheSpec layout;
  private final int position;
  private final int[] lengths;
  private final HostPages pages;
  private final HostNumbers numbers;

  private KvSnapshot(PagedKvCache cache, int position, int[] lengths) {
    layout = cache.spec();
    this.position = position;
    this.lengths = lengths;
    int count = Math.toIntExact(count(layout, lengths));
    pages = new HostPages(layout.pool(), count);
    try {
      numbers = new HostNumbers(cache.pool(), count);
    } catch (RuntimeException e) {
      pages.close();
      throw e;
    }
  }

  private static long count(KvCacheSpec layout, int... lengths) {
    return Arrays.stream(lengths)
        .mapToLong(length -> (length + layout.pageSize() - 1L) / layout.pageSize())
        .sum();
  }

  /**
   * Copies a sequence; it stays as it is. Must not come between the layers of one of its steps.
   *
   * @param sequence an open sequence
   */
  public static KvSnapshot of(Sequence sequence) {
    PagedKvCache cache = Checks.notNull("sequence", sequence).cache();
    synchronized (cache) {
      cache.requireOwn("sequence", sequence);
      int[] lengths = new int[sequence.rows()];
      Arrays.setAll(lengths, sequence::length);
      KvSnapshot snapshot = new KvSnapshot(cache, sequence.position(), lengths);
      try {
        snapshot.pages.read(cache.pool(), sequence.allPages(), 0);
        snapshot.numbers.read(cache.pool(), sequence.allPages());
      } catch (RuntimeException e) {
        snapshot.close();
        throw e;
      }
      return snapshot;
    }
  }

  /** Tokens that the sequence has seen. */
  public int position() {
    return position;
  }

  /** Host memory that is held. */
  public long bytes() {
    return pages.bytes() + numbers.bytes();
  }

  /** Refuses a cache of another layout, and positions that are not the sequence's. */
  void requireFits(PagedKvCache cache) {
    layout.requireLayout("snapshot", cache.spec());
    requirePositions();
  }

  /** Copies all pages to pages of {@code cache}. */
  void write(PagedKvCache cache, int... to) {
    pages.write(cache.pool(), to, 0);
    numbers.write(cache.pool(), to);
  }

  /** A new sequence in {@code cache}, whose lock is held. */
  Sequence into(PagedKvCache cache) {
    requireFits(cache);
    cache.requireFree(pages.count());
    int[] all = new int[pages.count()];
    Arrays.setAll(all, i -> cache.pages().take());
    try {
      write(cache, all);
    } catch (RuntimeException e) {
      Arrays.stream(all).forEach(cache.pages()::give);
      throw e;
    }
    Sequence sequence = new Sequence(cache, position, new int[lengths.length][0]);
    int at = 0;
    for (int row = 0; row < lengths.length; row++) {
      int count = (int) count(layout, lengths[row]);
      sequence.compact(row, lengths[row], Arrays.copyOfRange(all, at, at + count));
      at += count;
    }
    return sequence;
  }

  private void requirePositions() {
    int page = 0;
    for (int row = 0; row < lengths.length; row++) {
      for (int slot = 0; slot < lengths[row]; slot++) {
        int inPage = slot % layout.pageSize();
        int at = pages.position(page + slot / layout.pageSize(), inPage);
        Checks.between("position of slot " + slot + " of row " + row, at, 0, position - 1);
      }
      page += (int) count(layout, lengths[row]);
    }
  }

  /**
   * Writes the snapshot.
   *
   * @param out where to; not closed
   */
  public void writeTo(OutputStream out) throws IOException {
    Checks.notNull("out", out);
    CRC32C sum = new CRC32C();
    byte[] text = layoutText(layout).getBytes(StandardCharsets.UTF_8);
    ByteBuffer head = little(12 + text.length + 4 + 4 * lengths.length);
    head.putInt(MAGIC).putInt(VERSION).putInt(text.length).put(text).putInt(position);
    Arrays.stream(lengths).forEach(head::putInt);
    write(head.flip(), out, sum);
    for (Tensor tensor : tensors()) {
      for (long at = 0; at < tensor.bytes(); at += CHUNK) {
        long bytes = Math.min(CHUNK, tensor.bytes() - at);
        write(tensor.segment().asSlice(at, bytes).asByteBuffer(), out, sum);
      }
    }
    out.write(little(4).putInt((int) sum.getValue()).array());
  }

  private static void write(ByteBuffer buffer, OutputStream out, CRC32C sum) throws IOException {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    sum.update(bytes);
    out.write(bytes);
  }

  /**
   * Reads what {@link #writeTo} wrote. Before memory is taken for the pages, it is clear that the
   * cache could hold them.
   *
   * @param in where from; read to the end of the snapshot, not closed
   * @param cache the cache that it is for
   * @throws IOException if this is no snapshot of a sequence of such a cache, or if it was damaged
   *     or cut off on its way
   */
  public static KvSnapshot read(InputStream in, PagedKvCache cache) throws IOException {
    Checks.notNull("in", in);
    Checks.notNull("cache", cache);
    CRC32C sum = new CRC32C();
    KvCacheSpec spec = cache.spec();
    ByteBuffer head = read(in, 12, sum);
    require(head.getInt() == MAGIC, "this is no snapshot of a sequence");
    int version = head.getInt();
    require(version == VERSION, "the snapshot has version " + version + ", not " + VERSION);
    int textBytes = head.getInt();
    require(textBytes >= 0 && textBytes <= CHUNK, "the layout has " + textBytes + " bytes");
    String text = new String(read(in, textBytes, sum).array(), StandardCharsets.UTF_8);
    String expected = layoutText(spec);
    require(text.equals(expected), "the snapshot is of " + text + ", the cache of " + expected);
    ByteBuffer sizes = read(in, 4 + 4 * spec.rows(), sum);
    int position = sizes.getInt();
    require(position >= 0, "the position is " + position);
    int[] lengths = new int[spec.rows()];
    for (int row = 0; row < lengths.length; row++) {
      lengths[row] = sizes.getInt();
      require(
          lengths[row] >= 0 && lengths[row] <= position,
          "row " + row + " has " + lengths[row] + " slots of " + position + " tokens");
    }
    long count = count(spec, lengths);
    require(
        count <= spec.headPages(),
        "the snapshot has " + count + " pages, the cache " + spec.headPages());
    KvSnapshot snapshot = new KvSnapshot(cache, position, lengths);
    try {
      for (Tensor tensor : snapshot.tensors()) {
        for (long at = 0; at < tensor.bytes(); at += CHUNK) {
          long bytes = Math.min(CHUNK, tensor.bytes() - at);
          tensor.segment().asSlice(at, bytes).asByteBuffer().put(read(in, (int) bytes, sum));
        }
      }
      int computed = (int) sum.getValue();
      int written = read(in, 4, sum).getInt();
      require(computed == written, "the snapshot was damaged: its sum is wrong");
      return snapshot;
    } catch (IOException | RuntimeException e) {
      snapshot.close();
      throw e;
    }
  }

  private static ByteBuffer read(InputStream in, int bytes, CRC32C sum) throws IOException {
    byte[] read = in.readNBytes(bytes);
    if (read.length < bytes) {
      throw new EOFException("the snapshot is cut off");
    }
    sum.update(read);
    return ByteBuffer.wrap(read).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static void require(boolean holds, String otherwise) throws IOException {
    if (!holds) {
      throw new IOException(otherwise);
    }
  }

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Layers, heads, pages, type and notes: all that must agree. */
  private static String layoutText(KvCacheSpec spec) {
    return spec.headPages(1).toString();
  }

  private List<Tensor> tensors() {
    return Stream.concat(pages.tensors().stream(), numbers.tensors().stream()).toList();
  }

  /** Frees the host memory; idempotent. */
  @Override
  public void close() {
    pages.close();
    numbers.close();
  }
}
