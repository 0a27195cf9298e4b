package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionKernels;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageTables;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Evictions that a device breaks off. */
class EvictionFaultTest {
  private static final KvCacheSpec SPEC =
      KvCacheSpec.layers(3).kvHeads(2).headDim(8).pageSize(4).headPages(90).dtype(DType.F32);

  private int failingLayer = -1;

  /** Delegates, but for compactions of the failing layer. */
  private final class Compaction extends CompactKv {
    private final CompactKv real;

    Compaction(KernelDevice device, CompactKvSpec spec, KvPool pool) {
      super(device, spec, pool, 0);
      real = device.attention().compactKv(spec, pool);
    }

    @Override
    protected void execute(PageTables from, PageTables to, int layer, Tensor kept) {
      if (layer == failingLayer) {
        throw new IllegalStateException("layer " + layer);
      }
      real.update(from, to);
      real.run(layer, kept);
    }

    @Override
    protected void prepare(PageTables tables) {}

    @Override
    protected void release() {
      real.close();
    }
  }

  private static Object invoke(Object of, java.lang.reflect.Method method, Object[] arguments)
      throws Throwable {
    try {
      return method.invoke(of, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private KernelDevice breaking(KernelDevice device) {
    ClassLoader loader = getClass().getClassLoader();
    AttentionKernels kernels =
        (AttentionKernels)
            Proxy.newProxyInstance(
                loader,
                new Class<?>[] {AttentionKernels.class},
                (proxy, method, arguments) ->
                    method.getName().equals("compactKv")
                        ? new Compaction(
                            device, (CompactKvSpec) arguments[0], (KvPool) arguments[1])
                        : invoke(device.attention(), method, arguments));
    return (KernelDevice)
        Proxy.newProxyInstance(
            loader,
            new Class<?>[] {KernelDevice.class},
            (proxy, method, arguments) ->
                method.getName().equals("attention") ? kernels : invoke(device, method, arguments));
  }

  private static Tensor numbered(int tokens) {
    float[] values = new float[tokens * 2 * 8];
    for (int i = 0; i < values.length; i++) {
      int token = i / 16;
      values[i] = token;
    }
    return Tensor.wrap(values, tokens, 2, 8);
  }

  /** Every row holds the keys of the tokens that its positions name. */
  private static void requireKeysOfPositions(PagedKvCache cache, Sequence sequence, String what) {
    for (int row = 0; row < sequence.rows(); row++) {
      for (int index = 0; index < sequence.pageCount(row); index++) {
        Tensor keys = Tensor.wrap(new float[32], 1, 4, 8);
        Tensor values = Tensor.wrap(new float[32], 1, 4, 8);
        Tensor positions = Tensor.wrap(new int[4], 1, 4);
        cache.pool().exportPages(new int[] {sequence.page(row, index)}, keys, values, positions);
        int used = Math.min(4, sequence.length(row) - 4 * index);
        for (int slot = 0; slot < used; slot++) {
          assertEquals(positions.getInt(slot), keys.getFloat(slot * 8), what + ", row " + row);
        }
      }
    }
  }

  /** A layer that failed keeps its slots, those before it are compacted; none is half moved. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void aFailingLayerLeavesTheSequencesWhole(int layer) {
    try (Warpwright ww = Warpwright.builder().threads(1).open();
        PagedKvCache cache = new PagedKvCache(breaking(ww.device()), SPEC);
        PagedAttention attention = ww.attention(AttentionSpec.queryHeads(2).over(cache))) {
      Sequence sequence = cache.newSequence();
      Batch batch = cache.batch(sequence);
      batch.advance(21);
      for (int l = 0; l < 3; l++) {
        attention.append(l, batch, numbered(21), numbered(21));
      }
      Sequence fork = sequence.fork();
      int before = cache.freePages();
      failingLayer = layer;
      assertThrows(IllegalStateException.class, () -> cache.evict(batch, new StreamingLlm(9, 2)));
      for (int l = 0; l < 3; l++) {
        assertEquals(l < layer ? 9 : 21, sequence.length(l, 1));
        assertEquals(21, fork.length(l, 0));
      }
      // The fork holds what it did, so each compacted row has pages of its own for what moved.
      assertEquals(before - layer * 2 * 3, cache.freePages());
      requireKeysOfPositions(cache, sequence, "evicted");
      requireKeysOfPositions(cache, fork, "fork");

      failingLayer = -1;
      cache.evict(batch, new StreamingLlm(9, 2));
      assertEquals(9, sequence.length(2, 1));
      requireKeysOfPositions(cache, sequence, "evicted at last");
      sequence.close();
      fork.close();
      assertEquals(90, cache.freePages());
    }
  }

  /** Nobody goes on with merged tokens beside those that were merged into them. */
  @Test
  void aSequenceThatIsLeftHalfMergedCanOnlyBeClosed() {
    KvMerger policy = new KvMerger(9, 2, 0.5);
    try (Warpwright ww = Warpwright.builder().threads(1).open();
        PagedKvCache cache =
            new PagedKvCache(breaking(ww.device()), SPEC.observing(policy.observation()));
        PagedAttention attention = ww.attention(AttentionSpec.queryHeads(2).over(cache))) {
      Sequence sequence = cache.newSequence();
      Sequence small = cache.newSequence();
      Batch batch = cache.batch(sequence, small);
      batch.advance(21, 3);
      for (int l = 0; l < 3; l++) {
        attention.append(l, batch, numbered(24), numbered(24));
      }
      failingLayer = 1;
      assertThrows(IllegalStateException.class, () -> cache.evict(batch, policy));
      assertFalse(sequence.isOpen());
      assertTrue(small.isOpen());
      IllegalStateException refusal =
          assertThrows(IllegalStateException.class, () -> cache.batch(sequence).advance());
      assertTrue(
          refusal.getMessage().contains("half merged"), () -> String.valueOf(refusal.getMessage()));
      assertThrows(IllegalStateException.class, sequence::fork);
      cache.batch(small).advance();
      sequence.close();
      small.close();
      assertEquals(90, cache.freePages());
    }
  }
}
