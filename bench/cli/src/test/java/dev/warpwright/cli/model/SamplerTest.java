package dev.warpwright.cli.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpwright.kernels.Tensor;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SamplerTest {
  private static final Tensor LOGITS =
      Tensor.wrap(new float[] {(float) Math.log(2), (float) Math.log(5), (float) Math.log(3)}, 3);

  private static int[] draw(Sampler sampler, int count) {
    return IntStream.range(0, count).map(i -> sampler.choose(LOGITS)).toArray();
  }

  @Test
  void greedyTakesTheFirstOfTheLargest() {
    assertEquals(1, Sampler.GREEDY.choose(Tensor.wrap(new float[] {1, 4, 4}, 3)));
  }

  @Test
  void theSeedDecidesWhatIsDrawn() {
    assertArrayEquals(draw(Sampler.random(1, 9), 50), draw(Sampler.random(1, 9), 50));
  }

  @Test
  void drawsAsOftenAsTheProbabilitiesSay() {
    int[] counts = new int[3];
    for (int token : draw(Sampler.random(1, 1), 100_000)) {
      counts[token]++;
    }
    // Five standard deviations of the count are below 800.
    assertEquals(20_000, counts[0], 800);
    assertEquals(50_000, counts[1], 800);
    assertEquals(30_000, counts[2], 800);
  }

  @Test
  void aLowTemperatureIsGreedy() {
    for (int token : draw(Sampler.random(0.01, 3), 1000)) {
      assertEquals(1, token);
    }
  }
}
