package dev.warpwright.cli.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckpointTest {
  private static final String INDEX = "model.safetensors.index.json";

  @TempDir Path folder;

  @BeforeEach
  void writeShards() throws IOException {
    Files.write(
        folder.resolve("one.safetensors"),
        new SafetensorsBytes().add("a", DType.F32, new float[] {1}, 1).bytes());
    Files.write(
        folder.resolve("two.safetensors"),
        new SafetensorsBytes().add("b", DType.F16, new float[] {2, 3}, 2).bytes());
  }

  private void writeIndex(String weightMap) throws IOException {
    Files.writeString(folder.resolve(INDEX), "{\"metadata\":{},\"weight_map\":" + weightMap + "}");
  }

  @Test
  void findsTensorsInTheirShards() throws IOException {
    writeIndex("{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertArrayEquals(new float[] {1}, checkpoint.tensor("a", 1).toFloats());
      assertArrayEquals(new float[] {2, 3}, checkpoint.tensor("b", 2).toFloats());
      assertEquals(8, checkpoint.bytes());
    }
  }

  @Test
  void refusesMissingTensorsAndOtherShapes() throws IOException {
    writeIndex("{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}");
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      ModelFormatException missing =
          assertThrows(ModelFormatException.class, () -> checkpoint.tensor("c", 1));
      assertTrue(missing.getMessage().contains(INDEX + ": c: "), missing::getMessage);
      ModelFormatException shape =
          assertThrows(ModelFormatException.class, () -> checkpoint.tensor("b", 3));
      assertTrue(shape.getMessage().contains("two.safetensors: b: is F16[2]"), shape::getMessage);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[]|weight_map",
        "{\"a\":1}|weight_map.a",
        "{\"b\":\"one.safetensors\"}|weight_map.b",
        "{\"a\":\"../one.safetensors\"}|weight_map.a",
        "{\"a\":\"one.bin\"}|weight_map.a",
      })
  void refusesBadIndices(String weightMap, String field) throws IOException {
    writeIndex(weightMap);
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> Checkpoint.open(folder).close());
    assertTrue(e.getMessage().contains(INDEX + ": " + field + ": "), e::getMessage);
  }

  @Test
  void aShardThatIsNotThereIsNamed() throws IOException {
    writeIndex("{\"a\":\"three.safetensors\"}");
    IOException e = assertThrows(IOException.class, () -> Checkpoint.open(folder).close());
    assertTrue(e.getMessage().contains("three.safetensors"), e::getMessage);
  }

  @Test
  void aFolderWithoutWeightsIsRefused() {
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> Checkpoint.open(folder).close());
    assertTrue(e.getMessage().contains(INDEX), e::getMessage);
  }
}
