package dev.warpwright.sparse;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.MemoryAccount;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.sparse.Activations;
import dev.warpwright.kernels.sparse.DenseMatrix;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.QuantMatrix;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LinearTest {
  private static final DenseMatrix MATRIX =
      new DenseMatrix(Tensor.wrap(new float[] {1, 2, 3, 4, 5, 6}, 2, 3));

  private final Warpwright ww = Warpwright.builder().threads(2).open();

  @AfterEach
  void close() {
    ww.close();
  }

  @Test
  void multipliesByTheTranspose() {
    try (Linear layer = ww.linear(MATRIX, 4)) {
      float[] y = new float[4];
      layer.apply(Tensor.wrap(new float[] {1, 0, -1, 2, 2, 2}, 2, 3), Tensor.wrap(y, 2, 2));
      assertArrayEquals(new float[] {-2, -2, 12, 30}, y);
    }
  }

  @Test
  void layersOfOneShapeShareAPlanThatLivesAsLongAsOneOfThem() {
    long before = MemoryAccount.live();
    QuantMatrix matrix = QuantMatrix.quantise(MATRIX, Grouping.w4(32));
    Linear first = ww.linear(matrix, 4);
    long one = MemoryAccount.live() - before;
    Linear second = ww.linear(matrix, 4);
    long workspace = one - first.weightBytes();
    assertEquals(one + second.weightBytes(), MemoryAccount.live() - before);
    first.close();
    first.close();
    assertEquals(workspace + second.weightBytes(), MemoryAccount.live() - before);
    float[] y = new float[2];
    second.apply(Tensor.wrap(new float[] {0, 0, 0}, 1, 3), Tensor.wrap(y, 1, 2));
    assertArrayEquals(new float[2], y);
    second.close();
    assertEquals(before, MemoryAccount.live());
  }

  @Test
  void inputsMayBeRoundedTo8Bits() {
    QuantMatrix matrix = QuantMatrix.quantise(MATRIX, Grouping.w4(32));
    try (Linear exact = ww.linear(matrix, 1);
        Linear rounded = ww.linear(matrix, 1, Activations.I8)) {
      float[] expected = new float[2];
      float[] y = new float[2];
      exact.apply(Tensor.wrap(new float[] {1, 0, 0}, 1, 3), Tensor.wrap(expected, 1, 2));
      // A thousandth is less than half a step of 1/127.
      rounded.apply(Tensor.wrap(new float[] {1, 0.001f, 0}, 1, 3), Tensor.wrap(y, 1, 2));
      assertArrayEquals(expected, y, 1e-5f);
    }
    InvalidArgumentException e =
        assertThrows(
            InvalidArgumentException.class, () -> ww.linear(MATRIX, 1, Activations.I8).close());
    assertTrue(e.getMessage().startsWith("activations is I8; allowed: F32"), e::getMessage);
  }

  @Test
  void threadsMayShareALayer() throws InterruptedException {
    try (Linear layer = ww.linear(MATRIX, 1)) {
      AtomicInteger right = new AtomicInteger();
      Thread[] threads = new Thread[4];
      for (int t = 0; t < threads.length; t++) {
        float factor = t + 1;
        threads[t] =
            Thread.ofPlatform()
                .start(
                    () -> {
                      float[] y = new float[2];
                      for (int i = 0; i < 200; i++) {
                        layer.apply(
                            Tensor.wrap(new float[] {factor, 0, 0}, 1, 3), Tensor.wrap(y, 1, 2));
                        if (y[0] == factor && y[1] == 4 * factor) {
                          right.incrementAndGet();
                        }
                      }
                    });
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertEquals(800, right.get());
    }
  }

  @Test
  void badInputIsRefusedByNameAndLeavesTheOutputAlone() {
    try (Linear layer = ww.linear(MATRIX, 2)) {
      float[] y = {7, 7};
      Tensor out = Tensor.wrap(y, 1, 2);
      assertEquals(
          "x.shape[0]",
          assertThrows(
                  InvalidArgumentException.class,
                  () -> layer.apply(Tensor.wrap(new float[9], 3, 3), out))
              .argument());
      assertEquals(
          "x.shape",
          assertThrows(
                  InvalidArgumentException.class,
                  () -> layer.apply(Tensor.wrap(new float[4], 1, 4), out))
              .argument());
      assertEquals(
          "y.dtype",
          assertThrows(
                  InvalidArgumentException.class,
                  () -> layer.apply(Tensor.wrap(new float[3], 1, 3), Tensor.wrap(new int[2], 1, 2)))
              .argument());
      float[] both = new float[5];
      assertEquals(
          "y",
          assertThrows(
                  InvalidArgumentException.class,
                  () ->
                      layer.apply(
                          Tensor.wrap(both, 1, 3), Tensor.wrap(both, 5).slice(2, 4).reshape(1, 2)))
              .argument());
      assertArrayEquals(new float[] {7, 7}, y);
    }
  }

  @Test
  void aClosedLayerRefusesToWork() {
    Linear layer = ww.linear(MATRIX, 2);
    layer.close();
    assertThrows(
        RuntimeException.class,
        () -> layer.apply(Tensor.wrap(new float[3], 1, 3), Tensor.wrap(new float[2], 1, 2)));
  }
}
