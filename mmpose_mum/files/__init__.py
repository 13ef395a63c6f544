"""What is read from the disk: images, videos and jsons; broken or misnamed ones are told apart."""
