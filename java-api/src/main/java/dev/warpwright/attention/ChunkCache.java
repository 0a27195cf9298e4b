package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Resource;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;

/**
 * Chunks of text by their token ids, a chunk perhaps several times, read behind different pieces of
 * text. When they take more memory than allowed, those go that were not used for the longest time.
 * Used by one thread at a time.
 */
public final class ChunkCache implements Resource {
  private final long maxBytes;

  /** Those unused for the longest time first. */
  private final LinkedHashSet<Chunk> chunks = new LinkedHashSet<>();

  private long bytes;

  /**
   * An empty cache.
   *
   * @param maxBytes host memory that chunks may take
   */
  public ChunkCache(long maxBytes) {
    this.maxBytes = Checks.atLeast("maxBytes", maxBytes, 0);
  }

  /** Memory that the chunks hold. */
  public long bytes() {
    return bytes;
  }

  /** Number of chunks. */
  public int size() {
    return chunks.size();
  }

  /**
   * Takes a chunk over, to close it when it goes.
   *
   * @param chunk a chunk that is in no cache
   */
  public void put(Chunk chunk) {
    Checks.notNull("chunk", chunk);
    Checks.that(!chunks.contains(chunk), "chunk", "in the cache", "each once");
    chunks.add(chunk);
    bytes += chunk.bytes();
    for (Iterator<Chunk> eldest = chunks.iterator(); bytes > maxBytes; ) {
      Chunk gone = eldest.next();
      eldest.remove();
      bytes -= gone.bytes();
      gone.close();
    }
  }

  /**
   * The chunk of a text of which least must be read anew, or nothing. It is the cache's: valid
   * until the next {@link #put}.
   *
   * @param prefix tokens of the pieces that stand before it
   * @param tokens the text
   */
  public Optional<Chunk> find(List<int[]> prefix, int... tokens) {
    TokenBlock key = new TokenBlock(Checks.notNull("tokens", tokens));
    Optional<Chunk> best =
        chunks.stream()
            .filter(chunk -> chunk.tokens().equals(key))
            .min(Comparator.comparingDouble(chunk -> chunk.recomputation(prefix, 1)));
    best.ifPresent(chunks::addLast);
    return best;
  }

  /** Frees all chunks; idempotent. */
  @Override
  public void close() {
    chunks.forEach(Chunk::close);
    chunks.clear();
    bytes = 0;
  }
}
