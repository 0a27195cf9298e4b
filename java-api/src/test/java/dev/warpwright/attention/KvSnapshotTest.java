package dev.warpwright.attention;

import static dev.warpwright.attention.Readers.SPEC;
import static dev.warpwright.attention.Readers.read;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.MemoryAccount;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class KvSnapshotTest {
  private final long before = MemoryAccount.live();
  private final Warpwright ww = Warpwright.builder().threads(2).open();
  private final PagedKvCache cache = ww.kvCache(SPEC);
  private final PagedAttention attention = Readers.attention(ww, cache);

  @AfterEach
  void close() {
    attention.close();
    cache.close();
    ww.close();
    assertEquals(before, MemoryAccount.live());
  }

  private static KvSnapshot snapshot(byte[] bytes, PagedKvCache cache) throws IOException {
    return KvSnapshot.read(new ByteArrayInputStream(bytes), cache);
  }

  private void assertUnreadable(byte[] bytes, PagedKvCache target, String why) {
    IOException refused = assertThrows(IOException.class, () -> snapshot(bytes, target).close());
    assertTrue(refused.getMessage().contains(why), refused.getMessage());
  }

  @Test
  void aRestoredSequenceGoesOnWithTheSameBits() throws IOException {
    Sequence sequence = cache.newSequence();
    read(attention, sequence, 21);
    cache.evict(cache.batch(sequence), new StreamingLlm(11, 2));
    byte[] bytes = Snapshots.bytes(sequence);
    try (PagedKvCache other = ww.kvCache(SPEC.headPages(20));
        PagedAttention there = Readers.attention(ww, other);
        KvSnapshot snapshot = snapshot(bytes, other)) {
      assertEquals(21, snapshot.position());
      Sequence restored = other.restore(snapshot);
      assertEquals(11, restored.length(1, 0));
      assertArrayEquals(bytes, Snapshots.bytes(restored));
      assertArrayEquals(read(attention, sequence, 2), read(there, restored, 2));
      // Two rows of four pages more do not fit.
      assertThrows(PoolExhaustedException.class, () -> other.restore(snapshot));
      assertEquals(20 - 4 * 4, other.freePages());
      restored.close();
      assertEquals(20, other.freePages());
    }
  }

  @Test
  void anEmptySequenceIsOne() throws IOException {
    try (KvSnapshot snapshot = snapshot(Snapshots.bytes(cache.newSequence()), cache)) {
      assertEquals(0, cache.restore(snapshot).position());
    }
  }

  @Test
  void whatWasDamagedIsRefused() {
    Sequence sequence = cache.newSequence();
    read(attention, sequence, 5);
    byte[] whole = Snapshots.bytes(sequence);
    for (int at : new int[] {40, whole.length / 2, whole.length - 1}) {
      byte[] damaged = whole.clone();
      damaged[at] ^= 1;
      assertThrows(IOException.class, () -> snapshot(damaged, cache).close());
    }
    byte[] damaged = whole.clone();
    damaged[whole.length / 2] ^= 1;
    assertUnreadable(damaged, cache, "its sum is wrong");
    for (int length : new int[] {0, 11, 50, whole.length - 1}) {
      assertUnreadable(Arrays.copyOf(whole, length), cache, "cut off");
    }
    damaged[0] ^= 1;
    assertUnreadable(damaged, cache, "no snapshot");
    byte[] later = whole.clone();
    later[4] = 2;
    assertUnreadable(later, cache, "version 2");
  }

  @Test
  void whatDoesNotFitTheCacheIsRefused() {
    Sequence sequence = cache.newSequence();
    read(attention, sequence, 9);
    byte[] bytes = Snapshots.bytes(sequence);
    try (PagedKvCache other = ww.kvCache(SPEC.kvHeads(1));
        PagedKvCache small = ww.kvCache(SPEC.headPages(11));
        KvSnapshot snapshot = KvSnapshot.of(sequence)) {
      assertUnreadable(bytes, other, "kvHeads=2");
      assertUnreadable(bytes, small, "has 12 pages, the cache 11");
      assertThrows(InvalidArgumentException.class, () -> other.restore(snapshot));
      assertThrows(PoolExhaustedException.class, () -> small.restore(snapshot));
      assertEquals(11, small.freePages());
    }
    sequence.close();
    assertThrows(IllegalStateException.class, () -> KvSnapshot.of(sequence));
  }
}
