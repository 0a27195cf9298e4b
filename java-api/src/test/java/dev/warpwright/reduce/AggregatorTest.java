package dev.warpwright.reduce;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.reduce.TreeReduceSpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AggregatorTest {
  private static final int CLIENTS = 37;
  private static final int COLUMNS = 1001;

  private final Warpwright ww = Warpwright.builder().threads(3).open();
  private final Aggregator aggregator = ww.aggregator(TreeReduceSpec.mean(CLIENTS, COLUMNS));
  private final List<Tensor> rows = new ArrayList<>();
  private final float[] weights = new float[CLIENTS];

  AggregatorTest() {
    Random random = new Random(3);
    for (int client = 0; client < CLIENTS; client++) {
      float[] row = new float[COLUMNS];
      for (int i = 0; i < COLUMNS; i++) {
        row[i] = (float) random.nextGaussian();
      }
      rows.add(Tensor.wrap(row, COLUMNS));
      weights[client] = 1 + random.nextInt(100);
    }
  }

  @AfterEach
  void close() {
    aggregator.close();
    aggregator.close();
    ww.close();
  }

  @Test
  void arrivalOrderDoesNotChangeABit() {
    float[] atOnce = new float[COLUMNS];
    aggregator.reduce(rows, weights, Tensor.wrap(atOnce, COLUMNS));
    List<Integer> order = new ArrayList<>();
    for (int client = 0; client < CLIENTS; client++) {
      order.add(client);
    }
    for (int round = 0; round < 3; round++) {
      Collections.shuffle(order, new Random(round));
      for (int client : order) {
        aggregator.accept(client, rows.get(client), weights[client]);
      }
      float[] streamed = new float[COLUMNS];
      aggregator.finish(Tensor.wrap(streamed, COLUMNS));
      for (int i = 0; i < COLUMNS; i++) {
        assertEquals(Float.floatToRawIntBits(atOnce[i]), Float.floatToRawIntBits(streamed[i]));
      }
    }
    double[] mean = new double[COLUMNS];
    double sum = 0;
    for (int client = 0; client < CLIENTS; client++) {
      sum += weights[client];
      for (int i = 0; i < COLUMNS; i++) {
        mean[i] += weights[client] * (double) rows.get(client).getFloat(i);
      }
    }
    for (int i = 0; i < COLUMNS; i++) {
      // Six levels of F32 roundings of sums of at most about 4000, divided by the weights' 1900.
      assertEquals(mean[i] / sum, atOnce[i], 1e-6);
    }
  }

  @Test
  void aClientArrivesOnceAndARefusedFinishKeepsWhatArrived() {
    aggregator.accept(3, rows.get(3), 2);
    assertEquals(
        "slot",
        assertThrows(InvalidArgumentException.class, () -> aggregator.accept(3, rows.get(3), 2))
            .argument());
    assertEquals(
        "weight",
        assertThrows(
                InvalidArgumentException.class, () -> aggregator.accept(4, rows.get(4), Float.NaN))
            .argument());
    assertEquals(
        "out.shape",
        assertThrows(
                InvalidArgumentException.class,
                () -> aggregator.finish(Tensor.wrap(new float[3], 3)))
            .argument());
    float[] out = new float[COLUMNS];
    aggregator.finish(Tensor.wrap(out, COLUMNS));
    float[] expected = new float[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
      expected[i] = 2 * rows.get(3).getFloat(i) * 0.5f;
    }
    assertArrayEquals(expected, out);
  }

  @Test
  void weightsWithoutAMeanAreRefused() {
    float[] zeros = new float[CLIENTS];
    InvalidArgumentException refused =
        assertThrows(
            InvalidArgumentException.class,
            () -> aggregator.reduce(rows, zeros, Tensor.wrap(new float[COLUMNS], COLUMNS)));
    assertEquals("weights", refused.argument());
  }

  @Test
  void aClosedAggregatorRefusesToWork() {
    aggregator.close();
    assertThrows(IllegalStateException.class, () -> aggregator.accept(0, rows.get(0), 1));
  }
}
