package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.Tensor;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PagedKvCacheTest {
  private static final KvCacheSpec SPEC =
      KvCacheSpec.layers(2).kvHeads(2).headDim(8).pageSize(4).headPages(24).dtype(DType.F32);

  private final Warpwright ww = Warpwright.builder().threads(2).open();
  private final PagedKvCache cache = ww.kvCache(SPEC);

  @AfterEach
  void close() {
    cache.close();
    ww.close();
  }

  @Test
  void aSequenceTakesAPageInEveryLayerAndHeadEveryPageSizeTokens() {
    Sequence sequence = cache.newSequence();
    Batch batch = cache.batch(sequence);
    batch.advance(4);
    assertEquals(24 - 4, cache.freePages());
    batch.advance();
    assertEquals(24 - 8, cache.freePages());
    assertEquals(5, sequence.position());
    assertEquals(5, sequence.length(1, 1));
    sequence.close();
    sequence.close();
    assertEquals(24, cache.freePages());
    assertFalse(sequence.isOpen());
  }

  @Test
  void exhaustionChangesNothingInAnySequence() {
    Sequence first = cache.newSequence();
    Sequence second = cache.newSequence();
    Batch batch = cache.batch(first, second);
    batch.advance(12, 8);
    assertEquals(4, cache.freePages());
    PoolExhaustedException refused =
        assertThrows(PoolExhaustedException.class, () -> batch.advance(1, 1));
    assertEquals(8, refused.asked());
    assertEquals(4, refused.free());
    assertEquals(4, cache.freePages());
    assertEquals(12, first.position());
    assertEquals(8, second.position());
    batch.advance(0, 1);
    assertEquals(0, cache.freePages());
    first.close();
    assertEquals(12, cache.freePages());
  }

  @Test
  void aBatchRefusesSequencesThatDoNotFitIt() {
    Sequence own = cache.newSequence();
    assertThrows(InvalidArgumentException.class, () -> cache.batch(own, own));
    try (PagedKvCache other = ww.kvCache(SPEC)) {
      Sequence foreign = other.newSequence();
      assertThrows(InvalidArgumentException.class, () -> cache.batch(foreign));
    }
    Batch batch = cache.batch(own);
    assertThrows(InvalidArgumentException.class, () -> batch.advance(1, 1));
    assertThrows(InvalidArgumentException.class, () -> batch.advance(-1));
    own.close();
    assertThrows(IllegalStateException.class, batch::advance);
  }

  @Test
  void aStaleStepIsRefused() {
    try (PagedAttention attention = ww.attention(AttentionSpec.queryHeads(2).over(cache))) {
      Sequence sequence = cache.newSequence();
      Batch batch = cache.batch(sequence);
      Tensor kv = Tensor.wrap(new float[16], 1, 2, 8);
      assertThrows(IllegalStateException.class, () -> attention.append(0, batch, kv, kv));
      batch.advance();
      attention.append(0, batch, kv, kv);
      cache.batch(sequence).advance();
      assertThrows(IllegalStateException.class, () -> attention.append(1, batch, kv, kv));
    }
  }

  @Test
  void whatAttentionHoldsIsAccountedForAndGivenBack() {
    long before = MemoryAccount.live();
    PagedKvCache large = ww.kvCache(SPEC.headPages(1024));
    PagedAttention attention = ww.attention(AttentionSpec.queryHeads(2).over(large));
    assertEquals(large.bytes() + attention.workspaceBytes(), MemoryAccount.live() - before);
    long empty = attention.workspaceBytes();
    Batch batch = large.batch(large.newSequence()).advance(500);
    Tensor kv = Tensor.wrap(new float[500 * 16], 500, 2, 8);
    attention.append(0, batch, kv, kv);
    batch.advance();
    Tensor one = Tensor.wrap(new float[16], 1, 2, 8);
    attention.append(0, batch, one, one);
    attention.decode(0, batch, one, Tensor.wrap(new float[16], 1, 2, 8));
    // The splits that a step's rows are cut into need room: 2 heads of an output and two sums each.
    assertTrue(attention.workspaceBytes() >= empty + 2 * 4 * (8 + 2));
    assertEquals(large.bytes() + attention.workspaceBytes(), MemoryAccount.live() - before);
    attention.close();
    large.close();
    assertEquals(before, MemoryAccount.live());
  }

  @Test
  void aNeighbourInTheBatchDoesNotChangeABit() {
    float[] alone = decodeSteps(false);
    assertArrayEquals(alone, decodeSteps(true));
  }

  private float[] decodeSteps(boolean withNeighbour) {
    Random random = new Random(5);
    float[] out = new float[2 * 16];
    try (PagedAttention attention = ww.attention(AttentionSpec.queryHeads(2).over(cache))) {
      Sequence sequence = cache.newSequence();
      Sequence neighbour = cache.newSequence();
      int size = withNeighbour ? 2 : 1;
      Batch batch = withNeighbour ? cache.batch(sequence, neighbour) : cache.batch(sequence);
      for (int step = 0; step < 7; step++) {
        batch.advance();
        for (int layer = 0; layer < 2; layer++) {
          float[] k = new float[16 * size];
          for (int i = 0; i < 16; i++) {
            k[i] = (float) random.nextGaussian();
          }
          Tensor kv = Tensor.wrap(k, size, 2, 8);
          attention.append(layer, batch, kv, kv);
          attention.decode(layer, batch, kv, Tensor.wrap(out, 2, 2, 8).slice(0, size));
        }
      }
      sequence.close();
      neighbour.close();
    }
    return Arrays.copyOf(out, 16);
  }
}
